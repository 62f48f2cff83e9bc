// Package alarm decides when a rule raises an alarm, when the alarm returns to
// normal, and what a person may do with it (ISA-18.2, IEC 62682). Everything is pure:
// the caller loads readings, passes the time, and stores what has changed.
//
// A Rule applies to each machine in its scope; a rule on one machine is an instance
// and has one State. Each method of Rule that takes a State changes it and returns
// the transitions, in order. Delays run on the machine's clock, in which readings are
// timed; shelves and reminders run on the server's. Both are Unix milliseconds.
package alarm

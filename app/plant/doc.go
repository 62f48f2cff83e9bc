// Package plant gives meaning to what the store receives: it reads the records that
// the pure packages below factory compute with, keeps what is current in memory, and
// appends what it decides, such as the transitions of alarms, to the journal.
//
// It imports no transport and no engine. Run of its types blocks until ctx ends; all
// other methods are safe for concurrent use.
package plant

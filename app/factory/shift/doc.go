// Package shift turns shift and calendar documents into the concrete shifts of a
// range of time, in the wall clock of any IANA time zone. All functions are pure.
//
// Times of instances are Unix milliseconds.
package shift

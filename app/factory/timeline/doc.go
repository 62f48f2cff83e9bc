// Package timeline computes what a machine did from what was recorded: segments of
// states, counts of pieces, products and downtime reasons. All functions are pure:
// the caller loads the records and passes the time.
//
// Times are Unix milliseconds of the machine's clock.
package timeline

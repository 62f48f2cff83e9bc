// Package metrics counts what the process does and writes it in the Prometheus
// text format: our own instruments, those of the Go runtime and those of the
// operating system's view of the process. It also makes the pages of the admin
// port. What is counted, and when, belongs to its users.
//
// Instruments are made while the parts are wired, with constant labels, so the
// number of series is fixed from then on; a mistake there (a name or a label
// that Prometheus does not allow, one series made twice) panics. Everything may
// be called concurrently.
//
// The exposition and the histogram are ours, over the runtime and process
// figures of github.com/VictoriaMetrics/metrics. That module's own histogram takes a
// mutex, and what it reads from a callback can only be a gauge.
package metrics

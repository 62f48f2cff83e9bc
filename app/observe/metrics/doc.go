// Package metrics holds the instruments of the process and exposes them in the
// Prometheus text format, together with the metrics of the Go runtime and of the
// operating system. It also serves the admin port. What is counted, and when, is
// up to the callers.
//
// Instruments have constant labels and are created while the process is wired, so
// the number of series is bounded. Invalid names, invalid labels and duplicate
// series are programming errors and panic. All methods are safe for concurrent
// use.
//
// The exposition and the histogram are our own, on top of the runtime and process
// metrics of github.com/VictoriaMetrics/metrics: the histogram of that module locks
// a mutex for each observation, and its callbacks can only be gauges.
package metrics

package factory

import "time"

// MetricKind determines how the values of a metric are interpreted.
type MetricKind string

// Kinds of metric. Gauge is the default.
const (
	// Gauge values can go up and down.
	Gauge MetricKind = "gauge"
	// Counter values only grow, except that a reset restarts them at zero. Their
	// increase is what matters.
	Counter MetricKind = "counter"
	// Text values are texts, which the journal stores.
	Text MetricKind = "text"
)

// KeepForever is the retention of data that never expires.
const KeepForever = time.Duration(-1)

// Metric describes one measured quantity of a machine.
type Metric struct {
	Machine, Name string
	// Unit is the UCUM unit, "" if unknown.
	Unit string
	Kind MetricKind
	// ExpectedMin and ExpectedMax are the limits of normal values; nil is no limit.
	ExpectedMin, ExpectedMax *float64
	// Retention is the maximum age of readings by observation time; 0 means the
	// default of the store. Older readings are rejected and no longer returned, and
	// are deleted eventually.
	Retention time.Duration
	// Version, CreatedAt and UpdatedAt are defined as for a Machine.
	Version              int64
	CreatedAt, UpdatedAt int64
}

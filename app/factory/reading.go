package factory

// Reading is one value that a machine observed.
type Reading struct {
	// Machine and Metric name the series; see ValidateName.
	Machine, Metric string
	// ObservedAt is the machine's clock, in Unix milliseconds.
	ObservedAt int64
	// Value is finite.
	Value float64
}

// Point is one reading of a series whose machine and metric are known from
// the context.
type Point struct {
	// ObservedAt is in Unix milliseconds.
	ObservedAt int64
	Value      float64
}

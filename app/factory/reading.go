package factory

// Reading is one value that a machine observed.
type Reading struct {
	// Machine and Metric identify the series; see ValidateName.
	Machine, Metric string
	// ObservedAt is the time of the machine's clock in Unix milliseconds.
	ObservedAt int64
	// Value is finite.
	Value float64
}

// Point is a reading without its machine and metric.
type Point struct {
	// ObservedAt is in Unix milliseconds.
	ObservedAt int64
	Value      float64
}

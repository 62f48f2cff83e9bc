package factory

// Reading is one value that a machine observed.
type Reading struct {
	// Machine and Metric identify the series; see ValidateName.
	Machine, Metric string
	// ObservedAt is the time of the machine's clock in Unix milliseconds.
	ObservedAt int64
	// Value is finite, and 0 if the reading is a text.
	Value float64
	// Text is the value of a reading of a text; nil for a number.
	Text *string
}

// Point is a reading without its machine and metric.
type Point struct {
	// ObservedAt is in Unix milliseconds.
	ObservedAt int64
	Value      float64
}

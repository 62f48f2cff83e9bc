package store

import "fmt"

// Defaults of the options that all engines have.
const (
	DefaultMaxSeries     = 100_000
	DefaultQueueReadings = 1 << 18
)

// SetDefault sets field to value if it has its zero value.
func SetDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Number is an option that must not be negative.
type Number struct {
	Name  string
	Value int64
}

// CheckNotNegative returns an error for each negative number.
func CheckNotNegative(numbers ...Number) (errs []error) {
	for _, n := range numbers {
		if n.Value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative: %d", n.Name, n.Value))
		}
	}
	return errs
}

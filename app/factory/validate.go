package factory

import (
	"fmt"
	"math"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits that every transport and every store keeps to.
const (
	// MaxNameBytes is the longest name of a machine or a metric.
	MaxNameBytes = 128
	// MaxAhead is how far a machine's clock may run ahead of ours, in
	// milliseconds. A reading from further in the future is refused: it would
	// hide all that follow it from the latest values.
	MaxAhead = int64(10 * time.Minute / time.Millisecond)
	// MinObservedAt is the earliest observation time, 1971-01-01 UTC in Unix
	// milliseconds. No recording is that old, but a clock that was never set
	// and a sender that means seconds both land in 1970.
	MinObservedAt = int64(365 * 24 * time.Hour / time.Millisecond)
)

// Kinds of name, as ValidateName shows them to the sender.
const (
	// KindMachine is the kind of a machine's name.
	KindMachine = "machine"
	// KindMetric is the kind of a metric's name.
	KindMetric = "metric"
)

// ValidateName checks the name of a machine or a metric: 1 to MaxNameBytes
// bytes of valid UTF-8 with no control character and no space at either end.
// Any other character is allowed, separators included. The error wraps
// ErrInvalid, says what is wrong and calls the name by its kind. A valid name
// costs no allocation.
func ValidateName(kind, name string) error {
	if len(name) == 0 {
		return fmt.Errorf("%s name is empty: %w", kind, ErrInvalid)
	}
	if len(name) > MaxNameBytes {
		return fmt.Errorf("%s name has %d bytes, more than %d: %w", kind, len(name), MaxNameBytes, ErrInvalid)
	}
	for i := range len(name) {
		c := name[i]
		if c >= utf8.RuneSelf {
			return validateUnicodeName(kind, name)
		}
		if c < ' ' || c == 0x7f {
			return controlError(kind, name, i)
		}
	}
	if name[0] == ' ' || name[len(name)-1] == ' ' {
		return spaceError(kind, name)
	}
	return nil
}

// validateUnicodeName is ValidateName for names that are not plain ASCII.
func validateUnicodeName(kind, name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("%s name %q is not valid UTF-8: %w", kind, name, ErrInvalid)
	}
	for i, r := range name {
		if unicode.IsControl(r) {
			return controlError(kind, name, i)
		}
	}
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return spaceError(kind, name)
	}
	return nil
}

func controlError(kind, name string, at int) error {
	return fmt.Errorf("%s name %q has a control character at byte %d: %w", kind, name, at, ErrInvalid)
}

func spaceError(kind, name string) error {
	return fmt.Errorf("%s name %q starts or ends with a space: %w", kind, name, ErrInvalid)
}

// ValidateReading checks what a machine sent against the clock of the
// receiver, now, in Unix milliseconds: both names, a finite value, and an
// observation time from MinObservedAt to MaxAhead past now. The error wraps
// ErrInvalid and names the field. A valid reading costs no allocation.
func ValidateReading(r Reading, now int64) error {
	if err := ValidateName(KindMachine, r.Machine); err != nil {
		return err
	}
	if err := ValidateName(KindMetric, r.Metric); err != nil {
		return err
	}
	if err := ValidateValue(r.Value); err != nil {
		return err
	}
	return ValidateObservedAt(r.ObservedAt, now)
}

// ValidateValue checks that v can be stored: it is neither infinite nor NaN.
func ValidateValue(v float64) error {
	if math.Float64bits(v)&exponentBits == exponentBits {
		return fmt.Errorf("value %v is not a finite number: %w", v, ErrInvalid)
	}
	return nil
}

// exponentBits are all set in infinities and NaNs, and in no other double.
const exponentBits = 0x7ff << 52

// ValidateObservedAt checks an observation time as ValidateReading does; both
// are in Unix milliseconds. A transport that takes one time for many values
// calls it once.
func ValidateObservedAt(observedAt, now int64) error {
	if observedAt < MinObservedAt {
		return fmt.Errorf("time %d is before 1971, give Unix milliseconds: %w", observedAt, ErrInvalid)
	}
	if observedAt-MaxAhead > now {
		return fmt.Errorf("time %d is more than %d minutes ahead of the server's %d: %w",
			observedAt, MaxAhead/60_000, now, ErrInvalid)
	}
	return nil
}

package factory

import (
	"fmt"
	"math"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits that apply to every transport and every store.
const (
	// MaxNameBytes is the maximum length of a name, save that of a metric.
	MaxNameBytes = 128
	// MaxMetricBytes is the maximum length of a metric name, which may hold the tags
	// of its sender.
	MaxMetricBytes = 512
	// MaxAhead is how far the clock of a machine may be ahead of the server's, in
	// milliseconds. A reading from further in the future is rejected, because it
	// would hide all later readings from the latest values.
	MaxAhead = int64(10 * time.Minute / time.Millisecond)
	// MinObservedAt is the earliest observation time, 1971-01-01 UTC in Unix
	// milliseconds. Times in 1970 come from clocks that were never set and from
	// senders that use seconds.
	MinObservedAt = int64(365 * 24 * time.Hour / time.Millisecond)
)

// Kinds of name as they appear in the errors of ValidateName.
const (
	// KindMachine is the kind of machine names.
	KindMachine = "machine"
	// KindMetric is the kind of metric names.
	KindMetric = "metric"
)

// ValidateName checks the name of a machine or a metric: 1 to MaxNameBytes
// bytes, for KindMetric MaxMetricBytes, of valid UTF-8 in normal form C, without control characters, without
// characters that cannot be seen, and without spaces at either end. Two names that
// look the same are thus equal, as far as that can be checked. All other characters
// are allowed, separators included. Its error wraps ErrInvalid and begins with kind.
// It does not allocate for a valid name.
func ValidateName(kind, name string) error {
	if len(name) == 0 {
		return fmt.Errorf("%s name is empty: %w", kind, ErrInvalid)
	}
	if len(name) > MaxNameBytes && (kind != KindMetric || len(name) > MaxMetricBytes) {
		return fmt.Errorf("%s name has %d bytes, more than %d: %w", kind, len(name), maxBytesOf(kind), ErrInvalid)
	}
	for i := range len(name) {
		c := name[i]
		if c >= utf8.RuneSelf {
			return validateUnicodeName(kind, name, kind != kindDisplay)
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

func maxBytesOf(kind string) int {
	if kind == KindMetric {
		return MaxMetricBytes
	}
	return MaxNameBytes
}

// kindDisplay is the kind of names that identify nothing. They may have invisible
// characters, as emoji do.
const kindDisplay = "display"

// validateUnicodeName is ValidateName for names with non-ASCII characters.
func validateUnicodeName(kind, name string, identifies bool) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("%s name %q is not valid UTF-8: %w", kind, name, ErrInvalid)
	}
	for i, r := range name {
		switch {
		case unicode.IsControl(r):
			return controlError(kind, name, i)
		case r == utf8.RuneError:
			// JSON decoders put it in the place of half a surrogate pair.
			return fmt.Errorf("%s name %q has U+FFFD, the sign of damaged text, at byte %d: %w", kind, name, i, ErrInvalid)
		case identifies && unicode.In(r, invisible...):
			return fmt.Errorf("%s name %q has the invisible character %U at byte %d: %w", kind, name, r, i, ErrInvalid)
		}
	}
	if norm.NFC.QuickSpanString(name) < len(name) && !norm.NFC.IsNormalString(name) { // the quick check needs no memory
		return fmt.Errorf("%s name %q is not in Unicode normal form C (NFC), which is %q: %w", kind, name, norm.NFC.String(name), ErrInvalid)
	}
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return spaceError(kind, name)
	}
	return nil
}

// invisible are the characters that change or show nothing by themselves: format
// characters, such as those that set the direction of text or have no width, line
// and paragraph separators, and what Unicode calls default ignorable.
var invisible = []*unicode.RangeTable{
	unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point,
}

func controlError(kind, name string, at int) error {
	return fmt.Errorf("%s name %q has a control character at byte %d: %w", kind, name, at, ErrInvalid)
}

func spaceError(kind, name string) error {
	return fmt.Errorf("%s name %q starts or ends with a space: %w", kind, name, ErrInvalid)
}

// ValidateReading checks both names, the value, and that the observation time lies between MinObservedAt and now + MaxAhead. now is the time of
// the server's clock in Unix milliseconds. Its error wraps ErrInvalid and names the
// field. It does not allocate for a valid reading.
func ValidateReading(r Reading, now int64) error {
	if err := ValidateName(KindMachine, r.Machine); err != nil {
		return err
	}
	if err := ValidateName(KindMetric, r.Metric); err != nil {
		return err
	}
	if r.Text != nil {
		if err := ValidateText(*r.Text); err != nil {
			return err
		}
	} else if err := ValidateValue(r.Value); err != nil {
		return err
	}
	return ValidateObservedAt(r.ObservedAt, now)
}

// ValidateValue checks that v is neither infinite nor NaN.
func ValidateValue(v float64) error {
	if math.Float64bits(v)&exponentBits == exponentBits {
		return fmt.Errorf("value %v is not a finite number: %w", v, ErrInvalid)
	}
	return nil
}

// exponentBits are all set in infinities and NaNs, and in no other float64.
const exponentBits = 0x7ff << 52

// ValidateObservedAt checks an observation time as ValidateReading does; both
// arguments are in Unix milliseconds. A transport with one time for many values
// calls it once for all of them.
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

package factory

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of registry entries.
const (
	// MaxAttributes is the maximum number of attributes of a machine.
	MaxAttributes = 64
	// MaxAttributeBytes is the maximum length of an attribute value.
	MaxAttributeBytes = 1024
	// MaxUnitBytes is the maximum length of a unit.
	MaxUnitBytes = 64
	// MaxRetention is the longest retention other than KeepForever.
	MaxRetention = 100 * 365 * 24 * time.Hour
)

// ValidateMachine checks the id and the description of a machine: all names satisfy
// ValidateName, except that only the id is mandatory; parts of the placement contain
// no slash; the ideal cycle and the attributes are within their limits. Signals are
// not checked. Its error wraps ErrInvalid and names the field.
func ValidateMachine(m Machine) error {
	if err := ValidateName(KindMachine, m.ID); err != nil {
		return err
	}
	if m.Name != "" {
		if err := ValidateName(kindDisplay, m.Name); err != nil {
			return err
		}
	}
	for _, part := range []struct{ kind, name string }{{"site", m.Site}, {"area", m.Area}, {"line", m.Line}} {
		if part.name == "" {
			continue
		}
		if err := ValidateName(part.kind, part.name); err != nil {
			return err
		}
		if strings.Contains(part.name, "/") {
			return fmt.Errorf("%s name %q has a slash, which separates the parts of the path: %w", part.kind, part.name, ErrInvalid)
		}
	}
	if m.IdealCycle != 0 {
		if err := ValidateIdealCycle(m.IdealCycle); err != nil {
			return fmt.Errorf("ideal cycle %w", err)
		}
	}
	return validateAttributes(m.Attributes)
}

func validateAttributes(attributes map[string]string) error {
	if len(attributes) > MaxAttributes {
		return fmt.Errorf("%d attributes, more than %d: %w", len(attributes), MaxAttributes, ErrInvalid)
	}
	for name, value := range attributes {
		if err := ValidateName("attribute", name); err != nil {
			return err
		}
		if len(value) > MaxAttributeBytes {
			return fmt.Errorf("attribute %q has %d bytes, more than %d: %w", name, len(value), MaxAttributeBytes, ErrInvalid)
		}
		if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) {
			return fmt.Errorf("attribute %q has a control character or is not valid UTF-8: %w", name, ErrInvalid)
		}
	}
	return nil
}

// ValidateMetric checks the names and the description of a metric. Its error wraps
// ErrInvalid and names the field.
func ValidateMetric(m Metric) error {
	if err := ValidateName(KindMachine, m.Machine); err != nil {
		return err
	}
	if err := ValidateName(KindMetric, m.Name); err != nil {
		return err
	}
	if err := ValidateUnit(m.Unit); err != nil {
		return err
	}
	if m.Kind != Gauge && m.Kind != Counter && m.Kind != Text {
		return fmt.Errorf("kind %q is not %s, %s or %s: %w", m.Kind, Gauge, Counter, Text, ErrInvalid)
	}
	for _, bound := range []struct {
		name  string
		value *float64
	}{{"expected minimum", m.ExpectedMin}, {"expected maximum", m.ExpectedMax}} {
		if bound.value == nil {
			continue
		}
		if err := ValidateValue(*bound.value); err != nil {
			return fmt.Errorf("%s: %w", bound.name, err)
		}
	}
	if m.ExpectedMin != nil && m.ExpectedMax != nil && *m.ExpectedMin > *m.ExpectedMax {
		return fmt.Errorf("expected minimum %v is above the maximum %v: %w", *m.ExpectedMin, *m.ExpectedMax, ErrInvalid)
	}
	if m.Retention < 0 && m.Retention != KeepForever || m.Retention > MaxRetention || m.Retention > 0 && m.Retention < time.Second {
		return fmt.Errorf("retention %v is not between a second and %d years: %w", m.Retention, MaxRetention/(365*24*time.Hour), ErrInvalid)
	}
	return nil
}

// ValidateUnit checks the syntax of a UCUM unit: at most MaxUnitBytes of printable
// ASCII without spaces, with matching brackets. "" means no unit. Whether UCUM
// defines the unit is not checked.
func ValidateUnit(unit string) error {
	if len(unit) > MaxUnitBytes {
		return fmt.Errorf("unit has %d bytes, more than %d: %w", len(unit), MaxUnitBytes, ErrInvalid)
	}
	var open []byte
	closes := map[byte]byte{')': '(', ']': '[', '}': '{'}
	for i := range len(unit) {
		c := unit[i]
		inside := len(open) > 0 && open[len(open)-1] == '{' // an annotation is free text
		switch {
		case c < '!' || c > '~':
			return fmt.Errorf("unit %q: byte %d is not a printable ASCII character; UCUM writes °C as Cel and µ as u: %w", unit, i, ErrInvalid)
		case inside && c != '}' && c != '{':
		case c == '(' || c == '[' || c == '{':
			open = append(open, c)
		case c == ')' || c == ']' || c == '}':
			if len(open) == 0 || open[len(open)-1] != closes[c] {
				return fmt.Errorf("unit %q: %q at byte %d has no opening bracket: %w", unit, c, i, ErrInvalid)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("unit %q: %q is not closed: %w", unit, open[len(open)-1], ErrInvalid)
	}
	return nil
}

package factory

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what the registry takes.
const (
	// MaxAttributes is the most attributes of a machine.
	MaxAttributes = 64
	// MaxAttributeBytes is the longest value of one.
	MaxAttributeBytes = 1024
	// MaxUnitBytes is the longest unit.
	MaxUnitBytes = 64
	// MaxRetention is the longest retention that is not KeepForever.
	MaxRetention = 100 * 365 * 24 * time.Hour
)

// ValidateMachine checks a machine's id and description: names as
// ValidateName has them, save that all but the id may be empty, no slash in a
// part of the placement, and the limits of attributes. The error wraps
// ErrInvalid and names the field.
func ValidateMachine(m Machine) error {
	if err := ValidateName(KindMachine, m.ID); err != nil {
		return err
	}
	if m.Name != "" {
		if err := ValidateName("display", m.Name); err != nil {
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
			return fmt.Errorf("%s name %q has a slash, which parts the path: %w", part.kind, part.name, ErrInvalid)
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
		if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			return fmt.Errorf("attribute %q has a control character or is not UTF-8: %w", name, ErrInvalid)
		}
	}
	return nil
}

// ValidateMetric checks a metric's names and description. The error wraps
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
	if m.Kind != Gauge && m.Kind != Counter {
		return fmt.Errorf("kind %q is neither %s nor %s: %w", m.Kind, Gauge, Counter, ErrInvalid)
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

// ValidateUnit checks that unit can be one of UCUM: printable ASCII without
// spaces, brackets in pairs, at most MaxUnitBytes; "" is no unit. It does not
// know the units themselves.
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
			return fmt.Errorf("unit %q: byte %d is no printable ASCII character; UCUM writes °C as Cel and µ as u: %w", unit, i, ErrInvalid)
		case inside && c != '}' && c != '{':
		case c == '(' || c == '[' || c == '{':
			open = append(open, c)
		case c == ')' || c == ']' || c == '}':
			if len(open) == 0 || open[len(open)-1] != closes[c] {
				return fmt.Errorf("unit %q: %q at byte %d closes nothing: %w", unit, c, i, ErrInvalid)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("unit %q: %q is not closed: %w", unit, open[len(open)-1], ErrInvalid)
	}
	return nil
}

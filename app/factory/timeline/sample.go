package timeline

import (
	"cmp"
	"slices"
	"strconv"
)

// Sample is one reading of a signal's metric: a number or a text.
type Sample struct {
	ObservedAt int64
	Number     float64
	// Text is the value of a reading with IsText.
	Text   string
	IsText bool
}

// text returns the value as text; a number is written with as few digits as it needs.
func (s Sample) text() string {
	if s.IsText {
		return s.Text
	}
	return strconv.FormatFloat(s.Number, 'f', -1, 64)
}

// number returns the value as a number: that of a text is the number or the boolean
// that it spells.
func (s Sample) number() (value float64, ok bool) {
	if !s.IsText {
		return s.Number, true
	}
	return spelledNumber(s.Text)
}

func spelledNumber(text string) (value float64, ok bool) {
	switch fold(text) {
	case "true":
		return 1, true
	case "false":
		return 0, true
	}
	value, err := strconv.ParseFloat(text, 64)
	return value, err == nil && value-value == 0 // neither infinite nor NaN
}

// isTrue reports whether the value is a number other than zero, or the text "true".
func (s Sample) isTrue() bool {
	value, ok := s.number()
	return ok && value != 0
}

// sorted returns the samples in order of time; of those with equal times the last one
// given is the last.
func sorted(samples []Sample) []Sample {
	byTime := func(a, b Sample) int { return cmp.Compare(a.ObservedAt, b.ObservedAt) }
	if slices.IsSortedFunc(samples, byTime) {
		return samples
	}
	samples = slices.Clone(samples)
	slices.SortStableFunc(samples, byTime)
	return samples
}

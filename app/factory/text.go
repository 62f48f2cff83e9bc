package factory

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTextBytes is the maximum length of a text value.
const MaxTextBytes = 1024

// TextPoint is a reading of a text without its machine and metric.
type TextPoint struct {
	// ObservedAt is in Unix milliseconds.
	ObservedAt int64
	Value      string
	// Repeated marks a reading whose value is that of the reading before it.
	Repeated bool
}

// ValidateText checks a text value: at most MaxTextBytes bytes of valid UTF-8, without
// control characters other than tabs and line breaks. Its error wraps ErrInvalid.
func ValidateText(text string) error {
	if len(text) > MaxTextBytes {
		return fmt.Errorf("text has %d bytes, more than %d: %w", len(text), MaxTextBytes, ErrInvalid)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("text is not valid UTF-8: %w", ErrInvalid)
	}
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' }
	if at := strings.IndexFunc(text, bad); at >= 0 {
		return fmt.Errorf("text has a control character at byte %d: %w", at, ErrInvalid)
	}
	return nil
}

// Time series hold numbers only. A reading of a text is stored there as a code, which
// is a number that no machine measures: a subnormal double with a mark and a hash of
// the text. Codes say when a text was observed and whether two texts differ; the text
// itself is in the journal.
const (
	codeHashBits = 40
	codeMark     = 0x7e5
)

// TextCode returns the code of a text.
func TextCode(text string) float64 {
	hash := uint64(14695981039346656037) // FNV-1a
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * 1099511628211
	}
	return math.Float64frombits(codeMark<<codeHashBits | hash>>(64-codeHashBits))
}

// IsTextCode reports whether a stored value is the code of a text.
func IsTextCode(value float64) bool { return math.Float64bits(value)>>codeHashBits == codeMark }

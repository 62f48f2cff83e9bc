package replay

import (
	"strings"
	"unicode"
)

// Slug turns a column's header into a metric name in snake_case: letters and
// digits are kept in lower case, and a new word begins after anything else,
// between letters and digits, and at a capital. "Accelerometer1RMS" becomes
// "accelerometer_1_rms". A header without a letter or digit gives "".
func MetricName(header string) string {
	var b strings.Builder
	runes := []rune(strings.ToValidUTF8(header, " "))
	gap := false
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			gap = true
			continue
		}
		if b.Len() > 0 && (gap || i > 0 && startsWord(runes, i)) {
			b.WriteByte('_')
		}
		gap = false
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// startsWord reports whether a word begins at runes[i], a letter or digit that
// directly follows another.
func startsWord(runes []rune, i int) bool {
	before, r := runes[i-1], runes[i]
	if unicode.IsDigit(before) != unicode.IsDigit(r) {
		return true
	}
	if !unicode.IsUpper(r) {
		return false
	}
	if !unicode.IsUpper(before) {
		return true
	}
	// The last capital of a run begins the word that follows: HTTPServer.
	return i+1 < len(runes) && unicode.IsLower(runes[i+1])
}

package replay

import (
	"strings"
	"unicode"
)

// MetricName converts a column's header to snake_case. It keeps letters, in
// lower case, and digits. A new word starts after any other character, between
// letters and digits, and at a capital: "Accelerometer1RMS" becomes
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

// startsWord reports whether a word starts at runes[i], a letter or digit that
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
	// The last of several capitals starts the next word: HTTPServer.
	return i+1 < len(runes) && unicode.IsLower(runes[i+1])
}

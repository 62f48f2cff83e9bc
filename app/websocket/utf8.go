package websocket

import "unicode/utf8"

// utf8Validator validates text that arrives in pieces. It fails at the first
// byte that cannot be part of valid UTF-8 (section 8.1).
type utf8Validator struct {
	partial [utf8.UTFMax]byte // the incomplete character at the end
	n       uint8             // its length
}

// write validates the next piece.
func (v *utf8Validator) write(p []byte) bool {
	for v.n > 0 && len(p) > 0 {
		v.partial[v.n] = p[0]
		v.n++
		p = p[1:]
		if utf8.FullRune(v.partial[:v.n]) {
			if r, size := utf8.DecodeRune(v.partial[:v.n]); r == utf8.RuneError && size == 1 {
				return false
			}
			v.n = 0
		}
	}
	if v.n > 0 {
		return true
	}
	complete := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if utf8.RuneStart(p[len(p)-i]) {
			if !utf8.FullRune(p[len(p)-i:]) {
				complete = len(p) - i
			}
			break
		}
	}
	v.n = uint8(copy(v.partial[:], p[complete:])) //nolint:gosec // at most three
	return utf8.Valid(p[:complete])
}

// finish reports whether the text ends with a complete character, and resets v.
func (v *utf8Validator) finish() bool {
	complete := v.n == 0
	v.n = 0
	return complete
}

// truncateUTF8 shortens s to at most n bytes without cutting a character.
func truncateUTF8(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

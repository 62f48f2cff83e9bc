package websocket

import (
	"fmt"
	"unicode/utf8"
)

// Close codes (RFC 6455, section 7.4.1, and IANA's registry).
const (
	NormalClosure   = 1000
	GoingAway       = 1001
	ProtocolError   = 1002
	NoStatus        = 1005 // never sent: a close frame without a code
	Abnormal        = 1006 // never sent: the connection ended without a close frame
	InvalidPayload  = 1007
	PolicyViolation = 1008
	MessageTooBig   = 1009
	InternalError   = 1011
	TryAgainLater   = 1013
)

// CloseError is the end of a connection by a close frame, of the peer or ours.
type CloseError struct {
	Code   int
	Reason string
	// Ours says that it is we who ended the connection.
	ByServer bool
}

func (e *CloseError) Error() string {
	by := "by the peer"
	if e.ByServer {
		by = "by the server"
	}
	if e.Reason == "" {
		return fmt.Sprintf("closed %s: %d", by, e.Code)
	}
	return fmt.Sprintf("closed %s: %d %s", by, e.Code, e.Reason)
}

// validCode reports whether a close frame may carry the code (section 7.4).
func validCloseCode(code int) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code < 1000 || code > 1014:
		return false
	default:
		return code != 1004 && code != NoStatus && code != Abnormal
	}
}

// cutText shortens s to n bytes at most, between characters.
func truncateUTF8(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// textCheck checks text that arrives in pieces, and fails at the first byte
// that can't be part of valid UTF-8 (section 8.1).
type utf8Validator struct {
	partial [utf8.UTFMax]byte // the beginning of a character
	n       uint8
}

// more checks the next piece.
func (t *utf8Validator) write(p []byte) bool {
	for t.n > 0 && len(p) > 0 {
		t.partial[t.n] = p[0]
		t.n++
		p = p[1:]
		if utf8.FullRune(t.partial[:t.n]) {
			if r, size := utf8.DecodeRune(t.partial[:t.n]); r == utf8.RuneError && size == 1 {
				return false
			}
			t.n = 0
		}
	}
	if t.n > 0 {
		return true
	}
	whole := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if utf8.RuneStart(p[len(p)-i]) {
			if !utf8.FullRune(p[len(p)-i:]) {
				whole = len(p) - i
			}
			break
		}
	}
	t.n = uint8(copy(t.partial[:], p[whole:])) //nolint:gosec // at most three
	return utf8.Valid(p[:whole])
}

// end reports whether the text ends with a whole character, and resets t.
func (t *utf8Validator) finish() bool {
	whole := t.n == 0
	t.n = 0
	return whole
}

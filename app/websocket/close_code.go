package websocket

import "fmt"

// Close codes (section 7.4.1 and the IANA registry).
const (
	NormalClosure   = 1000
	GoingAway       = 1001
	ProtocolError   = 1002
	NoStatus        = 1005 // never sent: the close frame had no code
	Abnormal        = 1006 // never sent: the connection ended without a close frame
	InvalidPayload  = 1007
	PolicyViolation = 1008
	MessageTooBig   = 1009
	InternalError   = 1011
	TryAgainLater   = 1013
)

// validCloseCode reports whether a close frame may carry the code (section 7.4).
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

// CloseError describes the first close frame of a connection.
type CloseError struct {
	Code   int
	Reason string
	// ByServer means that the server closed the connection, not the peer.
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

package engineio

import (
	"errors"

	"github.com/valyala/fasthttp"
)

// ErrClosed is the error of sending on a session that has ended or is about to.
var ErrClosed = errors.New("the session is closed")

// errPacket is the fault of a packet that is none.
var errInvalidPacket = errors.New("not a packet")

// Reason says why a session ended, in the words of the reference server where
// it has some.
type Reason string

// The reasons of the package itself; Session.Close takes any.
const (
	// TransportClose: the client ended the session or its connection.
	TransportClose Reason = "transport close"
	// TransportError: the client broke the rules of the transport, as with two
	// polls at once or a message over the limit.
	TransportError Reason = "transport error"
	// PingTimeout: no pong came in time.
	PingTimeout Reason = "ping timeout"
	// ForcedClose: this side closed the session.
	ForcedClose Reason = "forced close"
	// ParseError: the client sent what is no packet.
	ParseError Reason = "parse error"
	// ServerShutdown: the server is going away.
	ServerShutdown Reason = "server shutting down"
	// SlowClient: more waited for the client than may.
	SlowClient Reason = "slow client"
)

// refusal is the answer to a request that gets no other. The codes up to 5 are
// the reference server's; clients show them.
type refusal struct {
	status  int
	code    int
	message string
}

var (
	unknownTransport = &refusal{fasthttp.StatusBadRequest, 0, "Transport unknown"}
	unknownSession   = &refusal{fasthttp.StatusBadRequest, 1, "Session ID unknown"}
	badMethod        = &refusal{fasthttp.StatusBadRequest, 2, "Bad handshake method"}
	badRequest       = &refusal{fasthttp.StatusBadRequest, 3, "Bad request"}
	jsonpUnsupported = &refusal{fasthttp.StatusBadRequest, 3, "JSONP polling is not supported"}
	payloadTooLarge  = &refusal{fasthttp.StatusRequestEntityTooLarge, 3, "Payload too large"}
	forbidden        = &refusal{fasthttp.StatusForbidden, 4, "Forbidden"}
	unknownProtocol  = &refusal{fasthttp.StatusBadRequest, 5, "Unsupported protocol version"}
	goingAway        = &refusal{fasthttp.StatusServiceUnavailable, 6, "Server is shutting down"}
	tooManySessions  = &refusal{fasthttp.StatusServiceUnavailable, 6, "Too many sessions"}
	tooManyUpgrades  = &refusal{fasthttp.StatusServiceUnavailable, 6, "Too many upgrades at once"}
	tooManyPayloads  = &refusal{fasthttp.StatusServiceUnavailable, 6, "Too many payloads at once"}
)

// retryAfter is how many seconds a client that was refused for want of room is
// asked to stay away.
const retryAfter = "1"

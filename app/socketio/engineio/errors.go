package engineio

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/valyala/fasthttp"
)

// ErrClosed is returned by sends on a session that is closed or closing.
var ErrClosed = errors.New("the session is closed")

// errTooManySessions reports that there are Options.MaxSessions.
var errTooManySessions = errors.New("too many sessions")

var errInvalidPacket = errors.New("not a packet")

// refusal is the error response to a request. Codes 0 to 5 are those of the
// reference server; clients show them.
type refusal struct {
	status  int
	code    int
	message string
	// retryAfter is the Retry-After header in seconds; 0 is the default of a 503.
	retryAfter int
}

var (
	unknownTransport = &refusal{status: fasthttp.StatusBadRequest, code: 0, message: "Transport unknown"}
	unknownSession   = &refusal{status: fasthttp.StatusBadRequest, code: 1, message: "Session ID unknown"}
	badMethod        = &refusal{status: fasthttp.StatusBadRequest, code: 2, message: "Bad handshake method"}
	badRequest       = &refusal{status: fasthttp.StatusBadRequest, code: 3, message: "Bad request"}
	jsonpUnsupported = &refusal{status: fasthttp.StatusBadRequest, code: 3, message: "JSONP polling is not supported"}
	payloadTooLarge  = &refusal{status: fasthttp.StatusRequestEntityTooLarge, code: 3, message: "Payload too large"}
	forbidden        = &refusal{status: fasthttp.StatusForbidden, code: 4, message: "Forbidden"}
	unknownProtocol  = &refusal{status: fasthttp.StatusBadRequest, code: 5, message: "Unsupported protocol version"}
	goingAway        = &refusal{status: fasthttp.StatusServiceUnavailable, code: 6, message: "Server is shutting down"}
	tooManySessions  = &refusal{status: fasthttp.StatusServiceUnavailable, code: 6, message: "Too many sessions"}
	tooManyUpgrades  = &refusal{status: fasthttp.StatusServiceUnavailable, code: 6, message: "Too many upgrades at once"}
	tooManyPayloads  = &refusal{status: fasthttp.StatusServiceUnavailable, code: 6, message: "Too many payloads at once"}
)

// refusalOf returns the response to a request whose session may not start.
func refusalOf(err error) *refusal {
	if errors.Is(err, errTooManySessions) {
		return tooManySessions
	}
	if detailed, ok := err.(interface {
		HTTPStatus() (status, retryAfter int)
	}); ok {
		status, retryAfter := detailed.HTTPStatus()
		return &refusal{status: status, code: tooManySessions.code, message: err.Error(), retryAfter: retryAfter}
	}
	return &refusal{status: forbidden.status, code: forbidden.code, message: err.Error()}
}

func (s *Server) refuse(ctx *fasthttp.RequestCtx, r *refusal) {
	s.options.Refused(ctx, r.code, r.message)
	message, _ := json.Marshal(r.message)
	ctx.SetStatusCode(r.status)
	ctx.SetContentType("application/json")
	ctx.Response.SetBodyString(`{"code":` + string(rune('0'+r.code)) + `,"message":` + string(message) + `}`)
	if r.status == fasthttp.StatusServiceUnavailable || r.retryAfter > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(max(r.retryAfter, 1)))
	}
}

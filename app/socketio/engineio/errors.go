package engineio

import (
	"encoding/json"
	"errors"

	"github.com/valyala/fasthttp"
)

// ErrClosed is returned by sends on a session that is closed or closing.
var ErrClosed = errors.New("the session is closed")

var errInvalidPacket = errors.New("not a packet")

// refusal is the error response to a request. Codes 0 to 5 are those of the
// reference server; clients show them.
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

// retryAfter is the Retry-After header of a 503, in seconds.
const retryAfter = "1"

func (s *Server) refuse(ctx *fasthttp.RequestCtx, r *refusal) {
	s.options.Refused(ctx, r.code, r.message)
	message, _ := json.Marshal(r.message)
	ctx.SetStatusCode(r.status)
	ctx.SetContentType("application/json")
	ctx.Response.SetBodyString(`{"code":` + string(rune('0'+r.code)) + `,"message":` + string(message) + `}`)
	if r.status == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, retryAfter)
	}
}

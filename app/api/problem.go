package api

import (
	"errors"
	"net"
	"strconv"

	"github.com/valyala/fasthttp"
)

// problem is the body of an error response (RFC 9457).
type problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
	Rejected  int          `json:"rejected,omitempty"`
	Errors    []fieldError `json:"errors,omitempty"`
}

// writeProblem responds to a request with the problem that err maps to.
func writeProblem(ctx *fasthttp.RequestCtx, err error) {
	e := toHTTPError(err)
	p := problem{
		Type: "about:blank", Title: fasthttp.StatusMessage(e.status), Status: e.status, Detail: e.detail,
		RequestID: string(ctx.Response.Header.Peek(headerRequestID)), Rejected: e.rejected, Errors: e.errors,
	}
	body, _ := encodeJSON(p) // strings and numbers only
	e.writeTo(ctx, "application/problem+json", body)
}

// writeTo responds with the status and headers of e and the given body.
func (e *httpError) writeTo(ctx *fasthttp.RequestCtx, contentType string, body []byte) {
	ctx.SetStatusCode(e.status)
	ctx.SetContentType(contentType)
	ctx.SetBody(body)
	if e.retryAfter > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(e.retryAfter))
	}
	if e.status == fasthttp.StatusUnauthorized {
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, `Bearer realm="smart-factory"`)
	}
}

// ErrorHandler responds to a request that could not be read. It is for the
// ErrorHandler of a fasthttp.Server.
func (a *API) ErrorHandler(ctx *fasthttp.RequestCtx, err error) {
	a.requestIDs.setOnResponse(ctx)
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	e := &httpError{status: fasthttp.StatusBadRequest, detail: "the request is not valid HTTP"}
	switch {
	case errors.As(err, &small) && a.options.Runtime.LongRequestLine(ctx):
		e.status, e.detail = fasthttp.StatusRequestURITooLong, "the request target is too long"
	case errors.As(err, &small):
		a.reportRefusal(RefusedHeader, a.options.Runtime.Peer(ctx).String())
		e.status, e.detail = fasthttp.StatusRequestHeaderFieldsTooLarge, "the request header is too large"
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		e.status, e.detail = fasthttp.StatusRequestEntityTooLarge, "the body is too large"
	case errors.As(err, &network) && network.Timeout():
		e.status, e.detail = fasthttp.StatusRequestTimeout, "the request took too long to arrive"
	}
	writeProblem(ctx, e)
	a.unrouted.Observe(e.status, 0)
}

// PanicHandler responds to a request whose handler panicked. It discards what the
// handler has written to the response.
func (a *API) PanicHandler(ctx *fasthttp.RequestCtx) {
	id := string(ctx.Response.Header.Peek(headerRequestID))
	ctx.Response.Reset()
	ctx.Response.Header.Set(headerRequestID, id)
	writeProblem(ctx, &httpError{status: fasthttp.StatusInternalServerError, detail: "the handler of this request crashed; the crash was logged"})
	a.unrouted.Observe(fasthttp.StatusInternalServerError, 0)
}

// WriteError responds with a problem. It is for packages that reject a request
// before its route is known.
func (a *API) WriteError(ctx *fasthttp.RequestCtx, status int, detail string) {
	writeProblem(ctx, &httpError{status: status, detail: detail})
}

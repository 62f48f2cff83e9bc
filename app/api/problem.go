package api

import (
	"encoding/json"
	"errors"
	"net"
	"strconv"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// problem is the body of an error (RFC 9457).
type problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
	Rejected  int          `json:"rejected,omitempty"`
	Errors    []fieldError `json:"errors,omitempty"`
}

// fieldError says what is wrong with one part of the input.
type fieldError struct {
	// Pointer names the part: a JSON pointer into the body (RFC 6901), or the
	// name of a query parameter.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// httpError is an error that knows its answer.
type httpError struct {
	status     int
	detail     string
	retryAfter int // in seconds; 0 for none
	rejected   int
	errors     []fieldError
}

func (e *httpError) Error() string { return e.detail }

// badParameter is an error about one query parameter.
func badParameter(name, detail string) error {
	return &httpError{
		status: fasthttp.StatusBadRequest, detail: "query parameter " + strconv.Quote(name) + ": " + detail,
		errors: []fieldError{{Pointer: name, Detail: detail}},
	}
}

// answerTo is the one table from an error to its answer. What is behind an
// error that is not the client's doing stays with us.
func answerTo(err error) *httpError {
	var known *httpError
	var body *bodyError
	var mounted interface {
		error
		HTTPStatus() (status, retryAfter int)
	}
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &mounted):
		status, retryAfter := mounted.HTTPStatus()
		return &httpError{status: status, retryAfter: retryAfter, detail: mounted.Error()}
	case errors.As(err, &body):
		e := &httpError{status: body.status, detail: body.detail}
		if body.pointer != "" {
			e.errors = []fieldError{{Pointer: body.pointer, Detail: body.detail}}
		}
		return e
	case errors.Is(err, factory.ErrInvalid):
		return &httpError{status: fasthttp.StatusBadRequest, detail: err.Error()}
	case errors.Is(err, factory.ErrNotFound):
		return &httpError{status: fasthttp.StatusNotFound, detail: err.Error()}
	case errors.Is(err, factory.ErrConflict):
		return &httpError{status: fasthttp.StatusConflict, detail: err.Error()}
	case errors.Is(err, factory.ErrPrecondition):
		return &httpError{status: fasthttp.StatusPreconditionFailed, detail: "the entry is not, or no longer, as If-Match or If-None-Match wants it"}
	case errors.Is(err, factory.ErrOverloaded):
		return &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "the store's queue is full; nothing was taken"}
	case errors.Is(err, factory.ErrUnavailable):
		return &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 5, detail: "the store can't do this now; nothing was acknowledged"}
	}
	return &httpError{status: fasthttp.StatusInternalServerError, detail: "something went wrong here"}
}

func isNotFound(err error) bool { return errors.Is(err, factory.ErrNotFound) }

// fail writes the answer to an error.
func fail(ctx *fasthttp.RequestCtx, err error) {
	e := answerTo(err)
	p := problem{
		Type: "about:blank", Title: fasthttp.StatusMessage(e.status), Status: e.status, Detail: e.detail,
		RequestID: string(ctx.Response.Header.Peek(headerRequestID)), Rejected: e.rejected, Errors: e.errors,
	}
	body, _ := json.Marshal(p) // strings and numbers only
	e.write(ctx, "application/problem+json", body)
}

// write answers with a body that says what e is.
func (e *httpError) write(ctx *fasthttp.RequestCtx, contentType string, body []byte) {
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

// Error answers a request that could not be read; use it as ErrorHandler.
func (a *API) Error(ctx *fasthttp.RequestCtx, err error) {
	a.ids.set(ctx)
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	e := &httpError{status: fasthttp.StatusBadRequest, detail: "the request is not valid HTTP"}
	switch {
	case errors.As(err, &small):
		e.status, e.detail = fasthttp.StatusRequestHeaderFieldsTooLarge, "the request's header is too large"
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		e.status, e.detail = fasthttp.StatusRequestEntityTooLarge, "the body is too large"
	case errors.As(err, &network) && network.Timeout():
		e.status, e.detail = fasthttp.StatusRequestTimeout, "the request took too long to arrive"
	}
	fail(ctx, e)
	a.unrouted.Observe(e.status, 0)
}

// Panicked answers a request whose handler panicked, whatever the handler had
// made of the response.
func (a *API) Panicked(ctx *fasthttp.RequestCtx) {
	id := string(ctx.Response.Header.Peek(headerRequestID))
	ctx.Response.Reset()
	ctx.Response.Header.Set(headerRequestID, id)
	fail(ctx, &httpError{status: fasthttp.StatusInternalServerError, detail: "the handler of this request crashed; it has been reported"})
	a.unrouted.Observe(fasthttp.StatusInternalServerError, 0)
}

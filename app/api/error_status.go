package api

import (
	"errors"
	"strconv"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"

	"github.com/valyala/fasthttp"
)

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

// invalidParam is an error about one query parameter.
func invalidParam(name, detail string) error {
	return &httpError{
		status: fasthttp.StatusBadRequest, detail: "query parameter " + strconv.Quote(name) + ": " + detail,
		errors: []fieldError{{Pointer: name, Detail: detail}},
	}
}

// toHTTPError is the one table from an error to its answer. What is behind an
// error that is not the client's doing stays with us.
func toHTTPError(err error) *httpError {
	var known *httpError
	var body *ingest.Error
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
		e := &httpError{status: fasthttp.StatusBadRequest, detail: body.Detail}
		if body.Kind == ingest.TooLarge {
			e.status = fasthttp.StatusRequestEntityTooLarge
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

// fieldErrors returns the rejected points of a batch as a response lists them.
func fieldErrors(errs []ingest.Error) []fieldError {
	list := make([]fieldError, len(errs))
	for i, e := range errs {
		list[i] = fieldError{Pointer: e.Pointer, Detail: e.Detail}
	}
	return list
}

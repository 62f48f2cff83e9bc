package api

import (
	"errors"
	"strconv"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"

	"github.com/valyala/fasthttp"
)

// fieldError describes what is wrong with one part of a request.
type fieldError struct {
	// Pointer names the part: a JSON pointer into the body (RFC 6901), or the
	// name of a query parameter.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// httpError is an error with its response.
type httpError struct {
	status     int
	detail     string
	retryAfter int // in seconds; 0 for none
	rejected   int
	errors     []fieldError
}

func (e *httpError) Error() string { return e.detail }

// invalidParam returns a 400 about one query parameter.
func invalidParam(name, detail string) error {
	return invalidParamStatus(fasthttp.StatusBadRequest, name, detail)
}

// invalidParamStatus returns an error about one query parameter.
func invalidParamStatus(status int, name, detail string) error {
	return &httpError{
		status: status, detail: "query parameter " + strconv.Quote(name) + ": " + detail,
		errors: []fieldError{{Pointer: name, Detail: detail}},
	}
}

// toHTTPError maps every error to its response. The details of an error that the
// client did not cause are not shown to it.
func toHTTPError(err error) *httpError {
	var own *httpError
	var body *ingest.Error
	var members factory.MemberErrors
	var external interface {
		error
		HTTPStatus() (status, retryAfter int)
	}
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &external):
		status, retryAfter := external.HTTPStatus()
		return &httpError{status: status, retryAfter: retryAfter, detail: external.Error()}
	case errors.As(err, &body):
		e := &httpError{status: fasthttp.StatusBadRequest, detail: body.Detail}
		if body.Pointer != "" {
			e.errors = []fieldError{{Pointer: body.Pointer, Detail: body.Detail}}
		}
		if body.Kind == ingest.TooLarge {
			e.status = fasthttp.StatusRequestEntityTooLarge
		}
		return e
	case errors.As(err, &members):
		faults := make([]fieldError, len(members))
		for i, m := range members {
			faults[i] = fieldError(m)
		}
		return invalidMembers(faults)
	case errors.Is(err, factory.ErrInvalid):
		return &httpError{status: fasthttp.StatusBadRequest, detail: err.Error()}
	case errors.Is(err, factory.ErrNotFound):
		return &httpError{status: fasthttp.StatusNotFound, detail: err.Error()}
	case errors.Is(err, factory.ErrConflict):
		return &httpError{status: fasthttp.StatusConflict, detail: err.Error()}
	case errors.Is(err, factory.ErrPrecondition):
		return &httpError{status: fasthttp.StatusPreconditionFailed, detail: "the entry does not meet the condition in If-Match or If-None-Match"}
	case errors.Is(err, factory.ErrOverloaded):
		return &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "the store's queue is full; nothing was stored"}
	case errors.Is(err, factory.ErrUnavailable):
		return &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 5, detail: "the store is unavailable; nothing was stored"}
	}
	return &httpError{status: fasthttp.StatusInternalServerError, detail: "internal error"}
}

func isNotFound(err error) bool { return errors.Is(err, factory.ErrNotFound) }

func isPrecondition(err error) bool { return errors.Is(err, factory.ErrPrecondition) }

// fieldErrors returns the rejected points of a batch as a response lists them.
func fieldErrors(errs []ingest.Error) []fieldError {
	list := make([]fieldError, len(errs))
	for i, e := range errs {
		list[i] = fieldError{Pointer: e.Pointer, Detail: e.Detail}
	}
	return list
}

package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"smart-factory-backend/app/factory"
)

var (
	// errStopped refuses subscriptions after Run has ended.
	errStopped = fmt.Errorf("the server is going away: %w", factory.ErrUnavailable)
	// errLoadAborted is returned to those who wait for a load that panicked.
	errLoadAborted = fmt.Errorf("the snapshot was not finished: %w", factory.ErrUnavailable)
)

// Fault describes a failed request to the client.
type Fault struct {
	// Kind is one of the constants below.
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
	// Room is the room that the fault is about, if any.
	Room string `json:"room,omitempty"`
}

// The kinds of fault.
const (
	kindInvalid      = "invalid"
	kindNotFound     = "not_found"
	kindForbidden    = "forbidden"
	kindUnauthorized = "unauthorized"
	kindOverloaded   = "overloaded"
	kindUnavailable  = "unavailable"
	kindInternal     = "internal"
)

// faultOf maps an error to what the client is told about it.
func faultOf(err error) *Fault {
	switch {
	case errors.Is(err, factory.ErrInvalid):
		return &Fault{Kind: kindInvalid, Detail: detailOf(err)}
	case errors.Is(err, factory.ErrNotFound):
		return &Fault{Kind: kindNotFound, Detail: err.Error()}
	case errors.Is(err, factory.ErrOverloaded):
		return &Fault{Kind: kindOverloaded, Detail: "the store's queue is full; nothing was stored"}
	case errors.Is(err, factory.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return &Fault{Kind: kindUnavailable, Detail: "the store is unavailable; nothing was acknowledged"}
	}
	return &Fault{Kind: kindInternal, Detail: "internal error"}
}

// detailOf is the text of an invalid-input error without its kind.
func detailOf(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+factory.ErrInvalid.Error())
}

// faultError is a fault of kind invalid as an error.
type faultError struct{ fault *Fault }

func (e *faultError) Error() string { return e.fault.Detail }

func (e *faultError) Unwrap() error { return factory.ErrInvalid }

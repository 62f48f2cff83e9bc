package factory

import "errors"

// Kinds of domain error. Every error of a Store or of a validation function wraps
// exactly one of them, which determines the status that a transport reports.
var (
	// ErrInvalid: the input violates a rule. A retry cannot succeed.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: the requested entry does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the request contradicts the current state.
	ErrConflict = errors.New("conflict")
	// ErrPrecondition: the Match of the request does not hold, because the entry
	// has changed.
	ErrPrecondition = errors.New("precondition failed")
	// ErrOverloaded: a queue is full. Nothing was accepted; retry shortly.
	ErrOverloaded = errors.New("overloaded")
	// ErrUnavailable: the store cannot serve the request now, for example because
	// the disk is full or the database is down. Nothing was acknowledged; retry
	// later.
	ErrUnavailable = errors.New("unavailable")
)

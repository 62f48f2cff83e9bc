package factory

import "errors"

// Kinds of domain error. Errors returned by a Store or by a rule wrap exactly
// one of them, so that a transport can choose its status from the kind alone.
var (
	// ErrInvalid: the input breaks a rule; sending it again will not help.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: what was asked for does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the request contradicts the present state.
	ErrConflict = errors.New("conflict")
	// ErrPrecondition: the condition that came with the request does not hold;
	// the entry has changed in the meantime.
	ErrPrecondition = errors.New("precondition failed")
	// ErrOverloaded: a queue is full; nothing was taken, try again shortly.
	ErrOverloaded = errors.New("overloaded")
	// ErrUnavailable: the store can't do it now (disk full, database gone);
	// nothing was acknowledged, try again later.
	ErrUnavailable = errors.New("unavailable")
)

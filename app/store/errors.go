package store

import (
	"fmt"
	"runtime/debug"

	"smart-factory-backend/app/factory"
)

// ErrClosed is the error of every call after Close.
var ErrClosed = fmt.Errorf("store is closed: %w", factory.ErrUnavailable)

// Unavailable wraps cause with the failed operation and with
// factory.ErrUnavailable.
func Unavailable(operation string, cause error) error {
	return fmt.Errorf("%s: %w: %w", operation, factory.ErrUnavailable, cause)
}

// PanicError is a recovered panic in a goroutine or a commit of an engine. The
// operation failed; the store continues.
type PanicError struct {
	// Value is the argument of panic.
	Value any
	// Stack is the stack of the goroutine that panicked.
	Stack []byte
}

// Error omits the stack because clients may see the text.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// RecoverAs turns a panic into a PanicError at err. It must be deferred
// directly.
func RecoverAs(err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{Value: p, Stack: debug.Stack()}
	}
}

package postgres

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// PanicError is a panic in the store's own code that was recovered. Only the
// operation that panicked fails. It is reported to Options.OnFault.
type PanicError struct {
	// Value is the argument of panic.
	Value any
	// Stack is the stack of the goroutine that panicked.
	Stack []byte
}

// Error does not include the stack, since a client may see the text.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recoverAs must be deferred. It turns a panic into a PanicError at err.
func recoverAs(err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{Value: p, Stack: debug.Stack()}
	}
}

// Parts of the store that can fail independently.
const (
	faultConnection  = iota // the server is unreachable or does not accept writes
	faultCommit             // the server is reachable, but the last commit failed
	faultMaintenance        // the leader's last maintenance round failed
	faultCount
)

// faultState records which parts of the store are failing at present.
type faultState struct {
	onFault func(error) // may be nil

	mu      sync.Mutex
	current [faultCount]error
}

// set records the state of a part; nil means that it works. It calls onFault
// when the part starts to fail or fails with another message, and with nil when
// no part fails any more.
func (f *faultState) set(part int, err error) {
	f.mu.Lock()
	before := f.current[part]
	f.current[part] = err
	healthy := f.current == [faultCount]error{}
	f.mu.Unlock()
	switch {
	case f.onFault == nil:
	case err != nil && (before == nil || before.Error() != err.Error()):
		f.onFault(err)
	case err == nil && before != nil && healthy:
		f.onFault(nil)
	}
}

// get returns the error of a part, nil if it works.
func (f *faultState) get(part int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current[part]
}

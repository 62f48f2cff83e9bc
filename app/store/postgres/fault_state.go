package postgres

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// PanicError is a panic of the store's own code that was caught: the work at
// hand failed, the store lives on. It reaches Options.OnFault.
type PanicError struct {
	// Value is what was panicked with.
	Value any
	// Stack is the stack of the goroutine that panicked.
	Stack []byte
}

// Error leaves the stack out: it may be shown to a client.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recoverAs is deferred; it turns a panic into an error at err.
func recoverAs(err *error) {
	if p := recover(); p != nil {
		*err = &PanicError{Value: p, Stack: debug.Stack()}
	}
}

// Parts of the store that fail on their own.
const (
	faultConnection  = iota // the server can't be reached, or takes no writes
	faultCommit             // it can, but the last commit failed
	faultMaintenance        // retention, partitions
	faultCount
)

// faults remembers what is failing at present, by part of the store.
type faultState struct {
	onFault func(error)

	mu      sync.Mutex
	current [faultCount]error
}

// set notes how a part does and reports a change.
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

// get returns why a part fails, nil if it does not.
func (f *faultState) get(part int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current[part]
}

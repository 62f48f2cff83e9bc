package sqlite

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

// faultState remembers what is failing at present, by part of the store.
type faultState struct {
	onFault func(error)

	mu     sync.Mutex
	commit error
	seal   error
}

// setCommit notes how the last commit went. setSeal is the same for sealing.
func (f *faultState) setCommit(err error) { f.set(&f.commit, err) }

func (f *faultState) setSeal(err error) { f.set(&f.seal, err) }

// set notes err in one of the fields and reports a change.
func (f *faultState) set(field *error, err error) {
	f.mu.Lock()
	before := *field
	*field = err
	healthy := f.commit == nil && f.seal == nil
	f.mu.Unlock()
	switch {
	case f.onFault == nil:
	case err != nil && (before == nil || before.Error() != err.Error()):
		f.onFault(err)
	case err == nil && before != nil && healthy:
		f.onFault(nil)
	}
}

// commitFault returns why the last commit failed, nil if it did not.
func (f *faultState) commitFault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commit
}

// sealFault returns why the last sealing failed, nil if it did not.
func (f *faultState) sealFault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seal
}

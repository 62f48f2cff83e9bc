package store

import "sync"

// Faults records which parts of an engine fail at the moment. Its methods may
// be called concurrently.
type Faults struct {
	onFault func(error)

	mu      sync.Mutex
	current []error // by part
}

// NewFaults returns a Faults for so many parts, all of which work. onFault may
// be nil. It gets an error when a part begins to fail or fails for another
// reason, and nil when all parts work again; it must not block.
func NewFaults(parts int, onFault func(error)) *Faults {
	return &Faults{onFault: onFault, current: make([]error, parts)}
}

// Set records the last outcome of a part; nil means that it works.
func (f *Faults) Set(part int, err error) {
	f.mu.Lock()
	before := f.current[part]
	f.current[part] = err
	healthy := true
	for _, fault := range f.current {
		healthy = healthy && fault == nil
	}
	f.mu.Unlock()
	switch {
	case f.onFault == nil:
	case err != nil && (before == nil || before.Error() != err.Error()):
		f.onFault(err)
	case err == nil && before != nil && healthy:
		f.onFault(nil)
	}
}

// Get returns why a part fails, or nil if it works.
func (f *Faults) Get(part int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current[part]
}

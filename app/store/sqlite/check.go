package sqlite

import (
	"sync/atomic"

	"smart-factory-backend/app/factory"
)

// checker looks through the file after an unclean stop.
type checker struct {
	outcome atomic.Pointer[factory.Integrity]
}

func (k *checker) state() factory.Integrity {
	if outcome := k.outcome.Load(); outcome != nil {
		return *outcome
	}
	return factory.IntegrityUnchecked
}

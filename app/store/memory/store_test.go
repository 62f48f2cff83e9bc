package memory_test

import (
	"sync"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
	"smart-factory-backend/app/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, opener())
}

func TestJournalContract(t *testing.T) {
	t.Parallel()
	storetest.RunJournal(t, opener())
}

func TestEventRetentionContract(t *testing.T) {
	t.Parallel()
	storetest.RunEventRetention(t, opener())
}

// opener returns an Opener whose stores keep their content by directory.
func opener() storetest.Opener {
	var mu sync.Mutex
	stores := make(map[string]*memory.Store)
	return func(_ testing.TB, dir string, limits storetest.Limits) factory.Store {
		mu.Lock()
		defer mu.Unlock()
		if old, ok := stores[dir]; ok {
			stores[dir] = old.Reopen(limits)
		} else {
			stores[dir] = memory.New(limits)
		}
		return stores[dir]
	}
}

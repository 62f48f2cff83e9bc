package storetest_test

import (
	"sync"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/storetest"
)

// The model itself keeps the contract.
func TestMemory(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	stores := make(map[string]*storetest.Memory) // by directory
	storetest.Run(t, func(_ testing.TB, dir string, limits storetest.Limits) factory.Store {
		mu.Lock()
		defer mu.Unlock()
		if old, ok := stores[dir]; ok {
			stores[dir] = old.Reopen(limits)
		} else {
			stores[dir] = storetest.NewMemory(limits)
		}
		return stores[dir]
	})
}

package live_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/store/memory"
)

// failingStore is a store whose Latest fails while failing is set.
type failingStore struct {
	factory.Store
	mu      sync.Mutex
	failing bool
}

func (f *failingStore) Latest(ctx context.Context, q factory.LatestQuery) (factory.LatestPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing {
		return factory.LatestPage{}, fmt.Errorf("%w: the disk is gone", factory.ErrUnavailable)
	}
	return f.Store.Latest(ctx, q)
}

func TestSubscribeFailsWhileStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	f := &failingStore{Store: memory.New(memory.Options{AutoRegister: true}), failing: true}
	h := newHarnessOn(t, f, nil)
	s := h.newSubscriber()
	fault := s.Subscribe(context.Background(), func() { t.Error("ok is called") }, "alarms", "all")
	if fault == nil || fault.Kind != "unavailable" || fault.Room != "all" || strings.Contains(fault.Detail, "disk") {
		t.Errorf("fault = %+v", fault)
	}
	if rooms, _ := h.srv.CacheSize(); rooms != 0 || len(s.events()) != 0 {
		t.Errorf("%d rooms are watched, events %q", rooms, s.events())
	}
	f.mu.Lock()
	f.failing = false
	f.mu.Unlock()
	s.subscribe("alarms", "all")
}

// blockedStore is a store whose Latest blocks until ctx ends, or panics.
type blockedStore struct {
	factory.Store
	panics bool
}

func (h blockedStore) Latest(ctx context.Context, _ factory.LatestQuery) (factory.LatestPage, error) {
	if h.panics {
		panic("a fault in the store")
	}
	<-ctx.Done()
	return factory.LatestPage{}, ctx.Err()
}

// All callers wait for one load, so the timeout passes once.
func TestConcurrentSubscribersShareOneLoad(t *testing.T) {
	t.Parallel()
	memory := memory.New(memory.Options{AutoRegister: true})
	h := newHarnessOn(t, blockedStore{Store: memory}, func(o *live.Options) { o.SnapshotTimeout = 300 * time.Millisecond })
	begin := time.Now()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if fault := h.newSubscriber().Subscribe(context.Background(), func() {}, "all"); fault == nil || fault.Kind != "unavailable" {
				t.Errorf("fault = %+v", fault)
			}
		})
	}
	wg.Wait()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("100 subscribers waited %v", took)
	}
	if rooms, _ := h.srv.CacheSize(); rooms != 0 {
		t.Errorf("%d rooms are watched without subscribers", rooms)
	}
}

func TestStorePanicReleasesRooms(t *testing.T) {
	t.Parallel()
	h := newHarnessOn(t, blockedStore{Store: memory.New(memory.Options{}), panics: true}, nil)
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic does not reach the caller")
				}
			}()
			h.newSubscriber().Subscribe(context.Background(), func() {}, "alarms", "all")
		}()
	}
	if rooms, _ := h.srv.CacheSize(); rooms != 0 {
		t.Errorf("%d rooms are watched without subscribers", rooms)
	}
	h.newSubscriber().subscribe("alarms")
}

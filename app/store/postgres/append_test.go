//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

// A full queue refuses an append at once and stores nothing of it.
func TestIntegrationFullQueueRefusesAppends(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(hold) }) }
	defer release()
	o := testOptions(t)
	o.QueueReadings = 10
	committing := make(chan struct{}, 100)
	var holding atomic.Bool // false while the store is opened
	store := mustOpen(t, o.WithTuning(postgres.Tuning{AroundCommit: func(commit func() error) error {
		if holding.Load() {
			committing <- struct{}{}
			<-hold
		}
		return commit()
	}, Committers: 1}))
	holding.Store(true)
	t.Cleanup(release) // runs before Close, which waits for the commits
	now := time.Now().UnixMilli()
	var wg sync.WaitGroup
	for i := range int64(5) {
		wg.Go(func() {
			if _, err := store.Append(context.Background(), []factory.Reading{reading("m", now+2*i, 1), reading("m", now+2*i+1, 1)}); err != nil {
				t.Errorf("Append = %v", err)
			}
		})
	}
	<-committing
	eventually(t, "the queue is full", func() bool { return store.Stats().QueuedReadings == 10 })
	if _, err := store.Append(t.Context(), []factory.Reading{reading("m", now+100, 1)}); !errors.Is(err, factory.ErrOverloaded) {
		t.Errorf("Append to a full queue = %v, want ErrOverloaded", err)
	}
	if err := store.Ready(); !errors.Is(err, factory.ErrOverloaded) {
		t.Errorf("Ready() = %v, want ErrOverloaded", err)
	}
	release()
	wg.Wait()
	if points := mustHistory(t, store, "m", "v"); len(points) != 10 {
		t.Errorf("%d points, want 10", len(points))
	}
	if err := store.Ready(); err != nil {
		t.Errorf("Ready() = %v, want nil", err)
	}
}

//go:build integration

package postgres_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

const dayMs = 24 * 3_600_000

// fakeClock is a clock that a test sets, in Unix milliseconds.
type fakeClock struct{ millis atomic.Int64 }

func (c *fakeClock) now() time.Time { return time.UnixMilli(c.millis.Load()) }

// openWithClock opens a store whose clock starts at noon. It waits for the only
// maintenance round of the store's own leader, so that all later maintenance is
// the test's.
func openWithClock(t *testing.T, change func(*postgres.Options)) (*postgres.Store, *fakeClock) {
	t.Helper()
	clock := new(fakeClock)
	clock.millis.Store(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC).UnixMilli())
	o := testOptions(t)
	if change != nil {
		change(&o)
	}
	s := mustOpen(t, o.WithTuning(postgres.Tuning{Now: clock.now, MaintenanceInterval: time.Hour}))
	eventually(t, "the leader's round is complete", func() bool { return s.MaintenanceRounds() > 0 })
	return s, clock
}

func mustRunMaintenance(t *testing.T, s *postgres.Store) {
	t.Helper()
	if err := s.RunMaintenance(context.Background()); err != nil {
		t.Fatalf("RunMaintenance() = %v", err)
	}
}

func mustInt(t *testing.T, s *postgres.Store, sql string, args ...any) int64 {
	t.Helper()
	n, err := s.QueryInt(context.Background(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// countPartitions counts the listed partitions, which must be those that are
// attached.
func countPartitions(t *testing.T, s *postgres.Store) int64 {
	t.Helper()
	listed := mustInt(t, s, "SELECT count(*) FROM reading_partition")
	attached := mustInt(t, s, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'reading'::regclass")
	if listed != attached {
		t.Errorf("%d partitions are listed, %d are attached", listed, attached)
	}
	return listed
}

// Appends and queries succeed while partitions are dropped and created, and every
// acknowledged reading that has not expired is stored.
func TestIntegrationMaintenanceDuringAppends(t *testing.T) {
	t.Parallel()
	s, clock := openWithClock(t, func(o *postgres.Options) { o.Retention = 3 * 24 * time.Hour })
	stop := make(chan struct{})
	var wg sync.WaitGroup
	accepted := make([]atomic.Int64, 3) // times
	for c := range accepted {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				now := clock.millis.Load()
				result, err := s.Append(context.Background(), []factory.Reading{reading(fmt.Sprint("m", c), now, 1), reading(fmt.Sprint("m", c), now-2*dayMs, 2), reading("old", now-4*dayMs, 3)})
				if err != nil || result.Accepted < 1 {
					t.Errorf("Append = %+v, %v", result, err)
					return
				}
				accepted[c].Store(now)
				if _, err := s.History(context.Background(), factory.HistoryQuery{Machine: fmt.Sprint("m", c), To: math.MaxInt64, Limit: 10}); err != nil {
					t.Errorf("History = %v", err)
					return
				}
			}
		})
	}
	for range 12 {
		today := clock.millis.Add(dayMs)
		mustRunMaintenance(t, s)
		// No client may fall so far behind that all its readings expire.
		for c := range accepted {
			eventually(t, "each client has appended today", func() bool { return accepted[c].Load() >= today })
		}
	}
	close(stop)
	wg.Wait()
	for c := range accepted {
		last, found := accepted[c].Load(), false
		for _, p := range mustHistory(t, s, fmt.Sprint("m", c), "v") {
			found = found || p.ObservedAt == last
		}
		if !found {
			t.Errorf("client %d: the reading at %d is missing", c, last)
		}
	}
	if got := countPartitions(t, s); got > 10 {
		t.Errorf("%d partitions, want the old ones dropped", got)
	}
}

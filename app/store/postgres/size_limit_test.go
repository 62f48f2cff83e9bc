//go:build integration

package postgres_test

import (
	"sync"
	"testing"

	"smart-factory-backend/app/factory"
	storage "smart-factory-backend/app/store"
	"smart-factory-backend/app/store/postgres"
)

// Past the size limit the oldest days are dropped, after a warning. A series that
// had only older readings then has no latest reading.
func TestIntegrationSizeLimitEvictsOldestDays(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	events := map[storage.EventKind]int{}
	eventCount := func(kind storage.EventKind) int {
		mu.Lock()
		defer mu.Unlock()
		return events[kind]
	}
	limits := func(limit int64) func(*postgres.Options) {
		return func(o *postgres.Options) {
			o.MaxBytes = limit
			o.OnEvent = func(e storage.Event) {
				mu.Lock()
				defer mu.Unlock()
				events[e.Kind]++
			}
		}
	}
	// Empty tables take a few hundred KiB, each day of this test more.
	s, clock := openWithClock(t, limits(4<<20))
	now := clock.millis.Load()
	for day := int64(9); day >= 0; day-- {
		var batch []factory.Reading
		for i := range int64(8_000) {
			batch = append(batch, reading("m", now-day*dayMs-i, 1))
		}
		if day == 9 {
			batch = append(batch, reading("early", now-day*dayMs, 1))
		}
		mustAppend(t, s, batch...)
	}
	mustRunMaintenance(t, s)
	stats := s.Stats()
	if stats.Bytes > 4<<20 || stats.EvictedPoints == 0 || stats.MaxBytes != 4<<20 {
		t.Errorf("Stats() = %+v, want less than the limit and evicted points", stats)
	}
	if eventCount(storage.EventNearLimit) != 1 || eventCount(storage.EventEvicted) == 0 || eventCount(storage.EventNothingToEvict) != 0 {
		t.Errorf("events %v, want one warning and evictions", events)
	}
	if points := mustHistory(t, s, "m", "v"); len(points) == 0 || points[len(points)-1].ObservedAt != now || uint64(len(points))+stats.EvictedPoints != 80_001 {
		t.Errorf("%d points are left, %d evicted, want the newest and the rest evicted", len(points), stats.EvictedPoints)
	}
	page, err := s.Latest(t.Context(), factory.LatestQuery{Limit: 10})
	if err != nil || len(page.Readings) != 1 || page.Readings[0].Machine != "m" {
		t.Errorf("Latest = %+v, %v, want only that of m", page, err)
	}
	// A late reading of an evicted day creates its partition again.
	mustAppend(t, s, reading("early", now-9*dayMs, 2))
	if page, err := s.Latest(t.Context(), factory.LatestQuery{Machine: "early", Limit: 10}); err != nil || len(page.Readings) != 1 || page.Readings[0].Value != 2 {
		t.Errorf("Latest(early) = %+v, %v, want the late reading", page, err)
	}
	// The partition of today is never evicted.
	tiny, _ := openWithClock(t, limits(1))
	mustAppend(t, tiny, reading("m", now, 1))
	mustRunMaintenance(t, tiny)
	if points := mustHistory(t, tiny, "m", "v"); len(points) != 1 || eventCount(storage.EventNothingToEvict) == 0 {
		t.Errorf("%d points of today, events %v, want it kept and reported", len(points), events)
	}
}

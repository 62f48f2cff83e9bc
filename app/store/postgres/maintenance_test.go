//go:build integration

package postgres_test

import (
	"context"
	"errors"
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

func (m *fakeClock) now() time.Time { return time.UnixMilli(m.millis.Load()) }

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
	s := mustOpen(t, o.Tuned(postgres.Tuning{Now: clock.now, MaintenanceInterval: time.Hour}))
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

// A partition is dropped once everything in it has expired. If a metric's
// retention is longer or shorter than the default, expired readings are deleted
// and the others stay.
func TestIntegrationRetentionDeletesExpired(t *testing.T) {
	t.Parallel()
	s, clock := openWithClock(t, func(o *postgres.Options) { o.Retention = 5 * 24 * time.Hour })
	now := clock.millis.Load()
	ahead := countPartitions(t, s)
	if ahead != 4 {
		t.Errorf("%d partitions are created ahead, want today and three more", ahead)
	}
	fill := func(metric string, days int64) {
		t.Helper()
		var batch []factory.Reading
		for d := range days {
			for i := range int64(24) {
				batch = append(batch, factory.Reading{Machine: "m", Metric: metric, ObservedAt: now - d*dayMs - i*1_800_000, Value: float64(d)})
			}
		}
		mustAppend(t, s, batch...)
	}
	fill("default", 5)
	if got := countPartitions(t, s); got != ahead+4 {
		t.Errorf("%d partitions, want one more for each of the four days before today", got)
	}
	clock.millis.Add(2 * dayMs)
	mustRunMaintenance(t, s)
	// Of the two oldest days one has expired completely, the other by half.
	if got := countPartitions(t, s); got != ahead+4-1+2 {
		t.Errorf("%d partitions after two days, want one dropped and two created ahead", got)
	}
	if stats := s.Stats(); stats.ExpiredPoints != 24 || stats.Bytes == 0 {
		t.Errorf("Stats() = %+v, want 24 expired points and a size", stats)
	}
	// A metric that is kept forever keeps its readings, but not those of others.
	put := func(metric string, retention time.Duration) {
		t.Helper()
		if _, _, err := s.PutMetric(t.Context(), factory.Metric{Machine: "m", Name: metric, Kind: factory.Gauge, Retention: retention}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	put("forever", factory.KeepForever)
	put("short", 24*time.Hour)
	now = clock.millis.Load()
	fill("forever", 10)
	fill("short", 1)
	clock.millis.Add(30 * dayMs)
	mustRunMaintenance(t, s)
	for metric, want := range map[string]int64{"default": 0, "forever": 240, "short": 0} {
		if got := mustInt(t, s, "SELECT count(*) FROM reading r JOIN series s ON s.id = r.series_id WHERE s.metric = $1", metric); got != want {
			t.Errorf("%d readings of %s are stored, want %d", got, metric, want)
		}
		if got := mustHistory(t, s, "m", metric); int64(len(got)) != want {
			t.Errorf("History has %d readings of %s, want %d", len(got), metric, want)
		}
	}
	// With the default retention its partitions are dropped, too.
	put("forever", 0)
	mustRunMaintenance(t, s)
	if got := mustInt(t, s, "SELECT count(*) FROM reading"); got != 0 {
		t.Errorf("%d readings are stored, want none", got)
	}
	if got := mustInt(t, s, "SELECT count(*) FROM reading_partition WHERE finish <= $1", clock.millis.Load()-6*dayMs); got != 0 {
		t.Errorf("%d partitions of expired days are left", got)
	}
	mustAppend(t, s, reading("m", clock.millis.Load(), 1))
}

// Past the size limit the oldest days are dropped, after a warning. A series that
// had only older readings then has no latest reading.
func TestIntegrationSizeLimitEvictsOldestDays(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	events := map[postgres.EventKind]int{}
	eventCount := func(kind postgres.EventKind) int {
		mu.Lock()
		defer mu.Unlock()
		return events[kind]
	}
	limits := func(limit int64) func(*postgres.Options) {
		return func(o *postgres.Options) {
			o.MaxBytes = limit
			o.OnEvent = func(e postgres.Event) {
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
	if eventCount(postgres.EventNearLimit) != 1 || eventCount(postgres.EventEvicted) == 0 || eventCount(postgres.EventNothingToEvict) != 0 {
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
	if points := mustHistory(t, tiny, "m", "v"); len(points) != 1 || eventCount(postgres.EventNothingToEvict) == 0 {
		t.Errorf("%d points of today, events %v, want it kept and reported", len(points), events)
	}
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

// Queries read across many partitions: forwards and, for the previous point of a
// counter, backwards.
func TestIntegrationQueriesSpanManyPartitions(t *testing.T) {
	t.Parallel()
	s, _ := openWithClock(t, nil)
	if _, _, err := s.PutMachine(t.Context(), factory.Machine{ID: "m"}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.PutMetric(t.Context(), factory.Metric{Machine: "m", Name: "v", Kind: factory.Counter}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	const months = 2*postgres.MaxWindowPartitions + 20
	var batch []factory.Reading
	for i := range months {
		batch = append(batch, reading("m", midnight(2010, time.Month(1+i), 3), float64(10*i)))
	}
	mustAppend(t, s, batch[0], batch[months-1]) // the ends first, then all between
	mustAppend(t, s, batch...)
	if got := countPartitions(t, s); got < months {
		t.Errorf("%d partitions, want at least %d", got, months)
	}
	if got := mustHistory(t, s, "m", "v"); len(got) != months {
		t.Errorf("%d points, want %d", len(got), months)
	}
	q := factory.BucketQuery{Machine: "m", From: math.MinInt64, To: math.MaxInt64, Interval: factory.Interval{Calendar: factory.Month}, Limit: 7}
	sum, buckets := 0.0, 0
	for {
		page, err := s.Buckets(t.Context(), q)
		if err != nil || len(page.Series) != 1 {
			t.Fatalf("Buckets = %+v, %v", page, err)
		}
		for _, b := range page.Series[0].Buckets {
			sum += b.Increase
			buckets++
		}
		if page.NextCursor == "" {
			break
		}
		q.Cursor = page.NextCursor
	}
	if buckets != months || sum != 10*(months-1) {
		t.Errorf("%d buckets with an increase of %v in all, want %d and %d", buckets, sum, months, 10*(months-1))
	}
	// Without points in between, the previous point is several windows back.
	mustAppend(t, s, factory.Reading{Machine: "m", Metric: "w", ObservedAt: batch[0].ObservedAt, Value: 5},
		factory.Reading{Machine: "m", Metric: "w", ObservedAt: batch[months-1].ObservedAt, Value: 7})
	if _, _, err := s.PutMetric(t.Context(), factory.Metric{Machine: "m", Name: "w", Kind: factory.Counter}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	page, err := s.Buckets(t.Context(), factory.BucketQuery{
		Machine: "m", Metrics: []string{"w"}, From: batch[1].ObservedAt, To: math.MaxInt64, Interval: factory.Every(time.Hour), Limit: 7,
	})
	if err != nil || len(page.Series) != 1 || page.Series[0].Buckets[0].Increase != 2 {
		t.Errorf("Buckets(w) = %+v, %v, want an increase of 2", page, err)
	}
	picked, err := s.Downsample(t.Context(), factory.DownsampleQuery{Machine: "m", Metrics: []string{"v"}, From: math.MinInt64, To: math.MaxInt64, Points: 10})
	if err != nil || len(picked) != 1 || len(picked[0].Points) != 10 || picked[0].Points[9].ObservedAt != batch[months-1].ObservedAt {
		t.Errorf("Downsample = %+v, %v, want 10 points to the last", picked, err)
	}
}

// A database that another program or a newer release has migrated is refused.
func TestIntegrationForeignSchemaRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change string
		want   error
	}{
		"a newer release": {"INSERT INTO schema_migration (version, name, sum) SELECT max(version) + 1, 'next', '' FROM schema_migration", postgres.ErrNewerSchema},
		"different text":  {"UPDATE schema_migration SET sum = 'x' WHERE version = 1", postgres.ErrForeignSchema},
		"a gap":           {"UPDATE schema_migration SET version = version + 7", postgres.ErrForeignSchema},
	} {
		o := testOptions(t)
		store := mustOpen(t, o)
		if err := store.Exec(t.Context(), tt.change); err != nil {
			t.Fatal(err)
		}
		if again, err := postgres.Open(t.Context(), o); !errors.Is(err, tt.want) {
			t.Errorf("%s: Open = %v, %v, want %v", name, again, err, tt.want)
		}
		if before, after, err := postgres.Migrate(t.Context(), o); !errors.Is(err, tt.want) {
			t.Errorf("%s: Migrate = %d, %d, %v, want %v", name, before, after, err, tt.want)
		}
	}
}

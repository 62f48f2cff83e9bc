//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

const hourMs = 3_600_000

// countWrongRollups counts the valid rollups that differ from their readings, in
// one snapshot. Values must be whole numbers, so that sums are exact.
const countWrongRollups = `
	SELECT count(*) FROM rollup r CROSS JOIN LATERAL (
		SELECT count(*) AS points, min(value) AS least, max(value) AS greatest, sum(value) AS sum, min(at) AS first_at, max(at) AS last_at,
			(array_agg(value ORDER BY at))[1] AS first_value, (array_agg(value ORDER BY at DESC))[1] AS last_value
		FROM reading WHERE series_id = r.series_id AND at >= r.start AND at < r.start + 3600000
	) w
	WHERE NOT EXISTS (SELECT FROM rollup_due d WHERE d.series_id = r.series_id AND d.start = r.start)
		AND (r.points, r.least, r.greatest, r.sum + r.carry, r.first_at, r.last_at, r.first_value, r.last_value)
			IS DISTINCT FROM (w.points, w.least, w.greatest, w.sum, w.first_at, w.last_at, w.first_value, w.last_value)`

// evenReadings returns n readings of the metric v, step milliseconds apart.
func evenReadings(machine string, from, step int64, n int, value float64) (batch []factory.Reading) {
	for i := range n {
		batch = append(batch, reading(machine, from+int64(i)*step, value+float64(i%50)))
	}
	return batch
}

// mustBuckets returns all buckets of the metric v, with the given length.
func mustBuckets(t *testing.T, s *postgres.Store, machine string, length time.Duration) []factory.Bucket {
	t.Helper()
	page, err := s.Buckets(context.Background(), factory.BucketQuery{
		Machine: machine, Metrics: []string{"v"}, From: math.MinInt64, To: math.MaxInt64, Interval: factory.Every(length), Limit: 1 << 20,
	})
	if err != nil || page.NextCursor != "" {
		t.Fatalf("Buckets = cursor %q, %v", page.NextCursor, err)
	}
	if len(page.Series) == 0 {
		return nil
	}
	return page.Series[0].Buckets
}

// Queries read the rollups of past hours, except of hours that have had readings
// since. The leader rebuilds those.
func TestIntegrationQueriesReadValidRollups(t *testing.T) {
	t.Parallel()
	s, clock := openWithClock(t, nil)
	now := clock.millis.Load() // noon
	mustAppend(t, s, evenReadings("m", now-10*hourMs, 10_000, 3_600, 0)...)
	mustAppend(t, s, evenReadings("sparse", now-10*hourMs, 10*60_000, 60, 0)...)
	mustRunMaintenance(t, s)
	made := mustInt(t, s, "SELECT count(*) FROM rollup WHERE minutes IS NOT NULL")
	if all := mustInt(t, s, "SELECT count(*) FROM rollup"); made != 9 || all != 9 {
		t.Errorf("%d rollups, %d with minutes, want those of the 9 past hours of the dense series", all, made)
	}
	// A forged value in the rollups shows which buckets are read from them.
	const forged = 1e9
	if err := s.Exec(t.Context(), "UPDATE rollup SET greatest = $1", forged); err != nil {
		t.Fatal(err)
	}
	read := func() (hours int) {
		t.Helper()
		for _, b := range mustBuckets(t, s, "m", time.Hour) {
			if b.Max == forged {
				hours++
			}
		}
		return hours
	}
	if got := read(); got != 9 {
		t.Errorf("%d hours are read from rollups, want 9", got)
	}
	mustAppend(t, s, reading("m", now-10*hourMs+5, 1), reading("m", now-8*hourMs, 2), reading("m", now+1, 3), reading("sparse", now-9*hourMs+1, 4))
	if got := read(); got != 7 {
		t.Errorf("%d hours are read from rollups after readings of two, want 7", got)
	}
	if marks := mustInt(t, s, "SELECT count(*) FROM rollup_due"); marks != 3 {
		t.Errorf("%d marks, want two and that of the sparse series", marks)
	}
	mustRunMaintenance(t, s)
	if wrong, marks := mustInt(t, s, countWrongRollups), mustInt(t, s, "SELECT count(*) FROM rollup_due"); wrong != 7 || marks != 0 {
		t.Errorf("%d rollups are still forged and %d marks left, want 7 and none", wrong, marks)
	}
	// Later hours become eligible in turn, also past midnight.
	clock.millis.Add(14 * hourMs)
	mustAppend(t, s, evenReadings("m", now, 10_000, 14*360, 0)...)
	mustRunMaintenance(t, s)
	if got := mustInt(t, s, "SELECT count(*) FROM rollup r JOIN series s ON s.id = r.series_id WHERE machine = 'm'"); got != 23 {
		t.Errorf("%d rollups 14 hours later, want 23", got)
	}
	if wrong := mustInt(t, s, countWrongRollups); wrong != 7 {
		t.Errorf("%d rollups are wrong, want the 7 forged ones", wrong)
	}
}

// Two replicas that both act as the leader, as may happen during a failover, do
// not undo each other's work.
func TestIntegrationConcurrentLeadersKeepRollups(t *testing.T) {
	t.Parallel()
	var o postgres.Options
	s, clock := openWithClock(t, func(changed *postgres.Options) { o = *changed })
	other := mustOpen(t, o.WithTuning(postgres.Tuning{Now: clock.now, MaintenanceInterval: time.Hour}))
	mustAppend(t, s, evenReadings("m", clock.millis.Load(), 10_000, 5*360, 0)...)
	clock.millis.Add(5 * hourMs)
	var leaders sync.WaitGroup
	err := s.HoldRegistryLock(t.Context(), func() { // so that both find the same work
		for _, store := range []*postgres.Store{s, other} {
			leaders.Go(func() {
				if err := store.RunMaintenance(context.Background()); err != nil {
					t.Errorf("RunMaintenance() = %v", err)
				}
			})
		}
	})
	if err != nil {
		t.Error(err)
	}
	leaders.Wait()
	if made := mustInt(t, s, "SELECT count(*) FROM rollup"); made != 4 {
		t.Errorf("%d rollups, want those of the 4 past hours", made)
	}
}

// When readings expire, are purged, or are dropped with their partition, their
// rollups are deleted too.
func TestIntegrationDeletedReadingsDeleteRollups(t *testing.T) {
	t.Parallel()
	s, clock := openWithClock(t, func(o *postgres.Options) { o.Retention = 4 * 24 * time.Hour })
	now := clock.millis.Load()
	for _, machine := range []string{"m", "purged", "kept", "short"} {
		mustAppend(t, s, evenReadings(machine, now-3*dayMs, 30_000, 3*2_880, 0)...)
	}
	put := func(machine string, retention time.Duration) {
		t.Helper()
		if _, _, err := s.PutMetric(t.Context(), factory.Metric{Machine: machine, Name: "v", Kind: factory.Gauge, Retention: retention}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	put("kept", 30*24*time.Hour)
	mustRunMaintenance(t, s)
	rollups := func(machine string) int64 {
		t.Helper()
		return mustInt(t, s, "SELECT count(*) FROM rollup r JOIN series s ON s.id = r.series_id WHERE s.machine = $1", machine)
	}
	if got := rollups("m"); got != 71 {
		t.Errorf("%d rollups, want 71", got)
	}
	if err := s.DeleteMachine(t.Context(), "purged", factory.MatchAlways, true); err != nil {
		t.Fatal(err)
	}
	put("short", 24*time.Hour)
	mustRunMaintenance(t, s)
	clock.millis.Add(2 * dayMs)
	mustRunMaintenance(t, s)
	// A longer retention does not restore deleted readings, but it does show the
	// half day that had expired and was not deleted yet.
	put("short", factory.KeepForever)
	put("m", factory.KeepForever)
	for machine, want := range map[string]int{"m": 2*2_880 + 1_440, "short": 0, "kept": 3 * 2_880} {
		count := int64(0)
		all := mustBuckets(t, s, machine, time.Hour)
		for _, b := range all {
			count += b.Count
		}
		if points := mustHistory(t, s, machine, "v"); count != int64(len(points)) || len(points) != want {
			t.Errorf("%s: buckets have %d points, history %d, want %d", machine, count, len(points), want)
		}
	}
	if orphans := mustInt(t, s, "SELECT count(*) FROM rollup r WHERE NOT EXISTS (SELECT FROM series s WHERE s.id = r.series_id)"); orphans != 0 {
		t.Errorf("%d rollups belong to no series", orphans)
	}
	if wrong := mustInt(t, s, countWrongRollups); wrong != 0 {
		t.Errorf("%d rollups are wrong", wrong)
	}
	clock.millis.Add(60 * dayMs)
	put("m", 0)
	put("short", 0)
	put("kept", 0)
	mustRunMaintenance(t, s)
	if left := mustInt(t, s, "SELECT count(*) FROM rollup"); left != 0 {
		t.Errorf("%d rollups are left, want 0", left)
	}
}

// While rollups are built and the server is killed, several replicas append late
// and repeated readings to the same hours. No valid rollup is ever wrong, and in
// the end all buckets match the readings.
func TestIntegrationRollupsStayCorrectDuringWrites(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	begin := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC).UnixMilli()
	clock := new(fakeClock)
	clock.millis.Store(begin + 12*hourMs)
	o := postgres.Options{
		URL: server.URL(""), AutoRegister: true, MaxConns: 7, ConnectTimeout: 2 * time.Second,
	}.WithTuning(postgres.Tuning{PollInterval: 20 * time.Millisecond, MaintenanceInterval: 5 * time.Millisecond, RollupInterval: time.Millisecond, Now: clock.now})
	stores := []*postgres.Store{mustOpen(t, o), mustOpen(t, o), mustOpen(t, o)}
	mustAppend(t, stores[0], evenReadings("m0", begin, 5_000, 12*720, 0)...)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var written atomic.Int64
	for i, s := range stores {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			for {
				select {
				case <-stop:
					return
				default:
				}
				machine := fmt.Sprint("m", random.IntN(2))
				batch := evenReadings(machine, begin+random.Int64N(12*hourMs), 1+random.Int64N(3_000), 1+random.IntN(200), float64(random.IntN(1000)))
				_, err := s.Append(context.Background(), batch)
				if err != nil && !errors.Is(err, factory.ErrUnavailable) {
					t.Errorf("Append = %v", err)
					return
				}
				if err == nil {
					written.Add(1)
				}
			}
		})
	}
	checks := 0
	for round := range 3 {
		target := written.Load() + 60
		eventually(t, "more readings are written", func() bool {
			wrong, err := stores[checks%len(stores)].QueryInt(context.Background(), countWrongRollups)
			checks++
			if err == nil && wrong != 0 {
				t.Errorf("%d rollups are wrong", wrong)
			}
			return written.Load() >= target
		})
		if round == 2 {
			break
		}
		server.Kill()
		eventually(t, "the store is not ready", func() bool { return stores[0].Ready() != nil })
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		clock.millis.Add(hourMs)
	}
	close(stop)
	wg.Wait()
	for _, s := range stores {
		eventually(t, "the store is ready", func() bool { return s.Ready() == nil })
	}
	eventually(t, "all rollups are built", func() bool {
		left, err := stores[0].QueryInt(context.Background(), "SELECT (SELECT count(*) FROM rollup_due) + (SELECT count(*) FROM reading_partition WHERE sweep_series IS NOT NULL)")
		return err == nil && left == 0
	})
	if made, wrong := mustInt(t, stores[0], "SELECT count(*) FROM rollup"), mustInt(t, stores[0], countWrongRollups); made < 12 || wrong != 0 {
		t.Errorf("%d rollups, %d wrong, want at least 12 and 0", made, wrong)
	}
	for _, machine := range []string{"m0", "m1"} {
		var want []factory.Bucket
		for _, p := range mustHistory(t, stores[1], machine, "v") {
			start := p.ObservedAt - p.ObservedAt%60_000
			if n := len(want); n == 0 || want[n-1].Start != start {
				want = append(want, factory.Bucket{Start: start, End: start + 60_000})
			}
			want[len(want)-1].Add(p)
		}
		for i := range want {
			want[i].Fold()
			want[i].Increase = 0
		}
		if got := mustBuckets(t, stores[2], machine, time.Minute); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the minute buckets differ from the readings", machine)
		}
	}
}

// After the upgrade from a release without rollups they are built in the
// background. A replica of that release that still runs marks what it changes.
func TestIntegrationRollupsAfterSchemaUpgrade(t *testing.T) {
	t.Parallel()
	clock := new(fakeClock)
	clock.millis.Store(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC).UnixMilli())
	o := testOptions(t).WithTuning(postgres.Tuning{MaintenanceInterval: time.Hour, Now: clock.now})
	if err := postgres.MigrateTo(t.Context(), o, 1); err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 5, 25, 0, 0, 0, 0, time.UTC).UnixMilli()
	end := begin + 12*hourMs
	appendAsOldRelease := func(exec func(context.Context, string, ...any) error, values string) {
		t.Helper()
		err := exec(t.Context(), `
			SELECT append_readings((SELECT version FROM catalog_state), 0, array_agg(s.id), array_agg(at), array_agg(v), (array_agg(s.id))[1:1], ARRAY[max(at)], ARRAY[max(v)])
			FROM `+values+` CROSS JOIN (SELECT id FROM series WHERE machine = 'm') s`)
		if err != nil {
			t.Fatal(err)
		}
	}
	execBeforeUpgrade := func(ctx context.Context, sql string, args ...any) error { return postgres.ExecOn(ctx, o, sql, args...) }
	for _, sql := range []string{
		"INSERT INTO machine (id, version, created_at, updated_at, changed) VALUES ('m', 1, 1, 1, 1)",
		"INSERT INTO series (machine, metric, version, created_at, updated_at, changed) VALUES ('m', 'v', 1, 1, 1, 1)",
		fmt.Sprintf("CREATE TABLE reading_20260501 PARTITION OF reading FOR VALUES FROM (%d) TO (%d)", begin-24*dayMs, begin+7*dayMs),
		fmt.Sprintf("INSERT INTO reading_partition (start, finish, name) VALUES (%d, %d, 'reading_20260501')", begin-24*dayMs, begin+7*dayMs),
	} {
		if err := execBeforeUpgrade(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	appendAsOldRelease(execBeforeUpgrade, fmt.Sprintf("(SELECT at, (at / 10000 %% 100)::float8 AS v FROM generate_series(%d::bigint, %d, 10000) AS at) AS r", begin, end-1))
	s := mustOpen(t, o)
	if got := mustBuckets(t, s, "m", time.Hour); len(got) != 12 || got[3].Count != 360 {
		t.Errorf("Buckets of the older database = %+v", got)
	}
	mustRunMaintenance(t, s)
	if made, wrong := mustInt(t, s, "SELECT count(*) FROM rollup"), mustInt(t, s, countWrongRollups); made != 12 || wrong != 0 {
		t.Errorf("%d rollups were built, %d wrong, want 12 and 0", made, wrong)
	}
	appendAsOldRelease(s.Exec, fmt.Sprintf("(VALUES (%d::bigint, -5::float8)) AS late(at, v)", begin+hourMs+1))
	if got := mustBuckets(t, s, "m", time.Hour); got[1].Min != -5 || got[1].Count != 361 {
		t.Errorf("Buckets after an append of the older release = %+v, want its reading", got[1])
	}
	mustRunMaintenance(t, s)
	if marks, wrong := mustInt(t, s, "SELECT count(*) FROM rollup_due"), mustInt(t, s, countWrongRollups); marks != 0 || wrong != 0 {
		t.Errorf("%d marks are left, %d rollups are wrong, want 0 and 0", marks, wrong)
	}
	for _, sql := range []string{"DROP TABLE reading_20260501", "DELETE FROM reading_partition WHERE name = 'reading_20260501'"} {
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if got := mustBuckets(t, s, "m", time.Hour); len(got) != 0 {
		t.Errorf("Buckets after the older release has dropped the partition = %+v", got)
	}
}

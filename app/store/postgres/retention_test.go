//go:build integration

package postgres_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

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

package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
)

// appendCase is a data set and a batch size.
type appendCase struct {
	mode, data string // data is a pattern of CSV files; "" is regular data
	batch      int
	rounds     int // limit; 0 is none
}

var appendCases = []appendCase{
	{mode: "regular, 1 000 a batch", batch: 1000},
	{mode: "regular, 10 000 a batch", batch: 10_000},
	{mode: "SKAB, 1 000 a batch", data: "skab/*.csv", batch: 1000, rounds: 1},
	{mode: "NAB, 1 000 a batch", data: "nab/machine_temperature*.csv", batch: 1000, rounds: 1},
}

// append measures the cost of making readings durable, without HTTP.
func (b *runner) append(ctx context.Context) (*table, error) {
	t := &table{
		Title: "append, one batch after another, until all is where it stays; data on " + fileSystemName(b.dir) + "; CPU with that of the database server",
		Goal:  "at most 4 bytes a point on regular data",
		Columns: []column{
			{"points_per_cpu_second", "points/CPU s", 0},
			{"rate_of_rows", "x rows", 2},
			{"points_per_second", "points/s", 0},
			{"bytes_per_point", "B/point", 2},
			{"bytes_of_rows", "x rows", 3},
			{"p50_ms", "p50 ms", 2},
			{"worst_ms", "worst ms", 1},
		},
	}
	err := b.withPostgres(ctx, func(p *postgresServer) error {
		for round := range b.storeRounds() {
			for _, c := range appendCases {
				args := []string{"-job", "append", "-batch", strconv.Itoa(c.batch), "-series", "500", "-points", "256000"}
				if c.data != "" {
					if !b.hasRecordings() || round >= c.rounds {
						continue
					}
					args = append(args, "-data", filepath.Join(b.recordings, c.data))
				}
				for _, e := range availableEngines(p) {
					err := b.runStoreJob(ctx, e, p, func(f figures) { t.row(c.mode, e.name).addAll(f.Figures) }, args...)
					if err != nil {
						return err
					}
				}
				b.logf("append %d/%d %s", round+1, b.storeRounds(), c.mode)
			}
		}
		return nil
	})
	addRatios(t, plainSQLite, "points_per_cpu_second", "rate_of_rows")
	addRatios(t, plainSQLite, "bytes_per_point", "bytes_of_rows")
	return t, err
}

// hasRecordings reports whether the directory of recordings exists.
func (b *runner) hasRecordings() bool {
	info, err := os.Stat(filepath.Join(b.recordings, "skab"))
	return err == nil && info.IsDir()
}

// read measures queries, and appends during queries.
func (b *runner) read(ctx context.Context) (*table, error) {
	t := &table{
		Title: "queries of a store with a series of 1 000 000 points and 10 000 others; appends of 1 000 while buckets are read all the time",
		Goal:  "100 000 points in under 10 ms; 1 000 000 points to buckets in under 50 ms",
		Columns: []column{
			{"milliseconds", "ms", 2},
			{"cpu_milliseconds", "CPU ms", 2},
			{"time_of_rows", "x rows", 3},
			{"points_per_second", "points/s", 0},
			{"points_per_cpu_second", "points/CPU s", 0},
			{"worst_ms", "worst ms", 1},
			{"reads_per_second", "reads/s", 1},
		},
	}
	err := b.withPostgres(ctx, func(p *postgresServer) error {
		for _, e := range availableEngines(p) {
			err := b.runStoreJob(ctx, e, p, func(f figures) { t.row(f.Mode, e.name).addAll(f.Figures) },
				"-job", "read", "-rounds", strconv.Itoa(b.storeRounds()))
			if err != nil {
				return err
			}
			b.logf("read %s", e.name)
		}
		return nil
	})
	addRatios(t, plainSQLite, "milliseconds", "time_of_rows")
	return t, err
}

// growthNotes explains some of the figures.
const growthNotes = "x new store: cost relative to a new store at the same time; worst disk: the slowest sync of another file, ten times a second; refused: appends that were refused and retried"

// growthMilestones are in millions of points.
var growthMilestones = []int{1, 5, 10, 20, 50}

// growth measures the cost of a point while a store grows.
func (b *runner) growth(ctx context.Context) (*table, error) {
	t := &table{
		Title: "what a point costs while the store grows: 1 000 series at 1 Hz, 1 000 a batch; each figure since the line above\n" + growthNotes,
		Goal:  "cost per point stays flat",
		Columns: []column{
			{"cpu_ns_per_point", "CPU ns/point", 0},
			{"cpu_of_new", "x new store", 3},
			{"cpu_of_second", "x 2nd line", 3},
			{"points_per_second", "points/s", 0},
			{"worst_ms", "worst append ms", 1},
			{"worst_disk_ms", "worst disk ms", 1},
			{"refused", "refused", 0},
			{"file_bytes_per_point", "file B/point", 2},
			{"rss_mib", "RSS MiB", 0},
			{"rss_most_mib", "most MiB", 0},
		},
	}
	args := []string{"-job", "growth", "-batch", "1000", "-series", "1000"}
	for _, m := range growthMilestones {
		args = append(args, "-milestone", strconv.Itoa(m))
	}
	return t, b.runGrowth(ctx, "growth", t, args)
}

// day measures hours of 1 000 machines with 10 metrics at 1 Hz.
func (b *runner) day(ctx context.Context) (*table, error) {
	t := &table{
		Title: "hours of 1 000 machines with 10 metrics at 1 Hz, as fast as it goes; each figure since the line above\n" + growthNotes,
		Goal:  "no pause of ingest over 250 ms; memory bounded; disk as predicted by bytes per point",
		Columns: []column{
			{"points", "points", 0},
			{"cpu_ns_per_point", "CPU ns/point", 0},
			{"cpu_of_new", "x new store", 3},
			{"cpu_of_second", "x 2nd line", 3},
			{"points_per_second", "points/s", 0},
			{"worst_ms", "worst append ms", 1},
			{"worst_disk_ms", "worst disk ms", 1},
			{"refused", "refused", 0},
			{"file_bytes_per_point", "file B/point", 2},
			{"file_of_predicted", "x predicted", 2},
			{"rss_mib", "RSS MiB", 0},
			{"rss_most_mib", "most MiB", 0},
			{"close_ms", "stop ms", 0},
			{"open_ms", "start ms", 0},
		},
	}
	return t, b.runGrowth(ctx, "day", t, []string{"-job", "day", "-series", "10000", "-hours", strconv.FormatFloat(b.hours, 'f', -1, 64)})
}

// runGrowth runs a job that reports the cost of a point at each milestone.
func (b *runner) runGrowth(ctx context.Context, name string, t *table, args []string) error {
	second, lines := 0.0, 0
	return b.runStoreJob(ctx, storeEngines[0], nil, func(f figures) {
		r := t.row(f.Mode, productSQLite)
		r.addAll(f.Figures)
		ratio, ok := f.Figures["cpu_of_new"]
		if !ok {
			return
		}
		// Not relative to the first line: half of its points are not sealed yet,
		// and sealing is part of the cost.
		if lines++; lines == 2 {
			second = ratio
		}
		if second > 0 {
			r.add("cpu_of_second", ratio/second)
		}
		b.logf("%s %s: %.0f ns/point, %.2f x a new store, worst append %.0f ms, disk %.0f ms", name, f.Mode,
			f.Figures["cpu_ns_per_point"], ratio, f.Figures["worst_ms"], f.Figures["worst_disk_ms"])
	}, args...)
}

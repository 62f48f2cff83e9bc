package sqlite

import (
	"database/sql/driver"
	"math"

	"smart-factory-backend/app/factory"
)

// bucketFill fills the buckets of one series from rollups where they are
// there and fit, and from chunks everywhere else, in order of time. The points
// in memory are mixed in on the way.
type bucketFill struct {
	*historyReader
	series  *series
	buckets *bucketer
	memory  []factory.Point // those that are to come
}

// level is the coarsest rollup that can have entries within a bucket; 0 is
// none, else an index of rollupLevels and one.
func (b *bucketer) level() int {
	if b.interval.Calendar != factory.Fixed {
		return len(rollupLevels)
	}
	level := 0
	for level < len(rollupLevels) && b.interval.Millis >= rollupLevels[level].entry {
		level++
	}
	return level
}

// fill takes what is sealed from from to to, by rollups of the level at most.
func (f *bucketFill) fill(level int, from, to int64) error {
	if from >= to || f.buckets.full() {
		return nil
	}
	if level == 0 {
		return f.fromChunks(from, to)
	}
	rows, err := f.rollups(rollupLevels[level-1], from, to)
	if err != nil {
		return err
	}
	for _, row := range rows {
		l := rollupLevels[level-1]
		if len(between(f.memory, row.start, row.start+l.window)) > 0 {
			continue // what is in memory may replace some of it
		}
		if err := f.fill(level-1, from, row.start); err != nil {
			return err
		}
		from = max(from, row.start)
		for _, e := range row.entries {
			if e.start+l.entry <= from {
				continue
			}
			if e.start >= to || f.buckets.full() {
				break
			}
			if e.start >= from && e.start+l.entry <= to && f.buckets.fits(e.First.ObservedAt, e.Last.ObservedAt) {
				f.buckets.merge(e.Summary)
			} else if err := f.fill(level-1, max(from, e.start), min(to, e.start+l.entry)); err != nil {
				return err
			}
		}
		from = min(to, row.start+l.window)
	}
	return f.fill(level-1, from, to)
}

// rollupRow is one rollup.
type rollupRow struct {
	start   int64
	entries []rollupEntry
}

// rollups reads the rollups of a level that have entries from from to to, as
// far as they are of use.
func (f *bucketFill) rollups(l rollupLevel, from, to int64) (rows []rollupRow, err error) {
	err = f.query("SELECT t0, data FROM rollup WHERE series_id = ? AND level = ? AND t0 >= ? AND t0 < ? ORDER BY t0",
		func(v []driver.Value) error {
			if err := f.ctx.Err(); err != nil {
				return err
			}
			row := rollupRow{start: asInt(v[0])}
			entries, rise, err := decodeRollup(asBytes(v[1]))
			if err != nil || f.buckets.counter && !rise {
				return nil //nolint:nilerr // the chunks have the same
			}
			for i := range entries {
				entries[i].start = floorTo(entries[i].First.ObservedAt, l.entry)
			}
			row.entries = entries
			rows = append(rows, row)
			return nil
		}, f.series.id, l.id, l.start(from), to)
	return rows, err
}

// fromChunks takes the chunks from from to to, by their figures where a bucket
// has them whole.
func (f *bucketFill) fromChunks(from, to int64) error {
	var scratch []factory.Point
	b := f.buckets
	err := f.query(`
		SELECT id, t0, t1, n, vfirst, vlast, vmin, vmax, vsum, vcarry, vrise,
			CASE WHEN ?4 = 0 OR t0 >= ?2 AND t1 < ?3 AND t0 / ?4 = t1 / ?4 THEN NULL ELSE data END
		FROM chunk
		WHERE series_id = ?1 AND t0 < ?3 AND t1 >= ?2 AND t0 >= coalesce(
			(SELECT max(t0) FROM chunk WHERE series_id = ?1 AND t0 <= ?2), ?2)
		ORDER BY t0`,
		func(v []driver.Value) error {
			if err := f.ctx.Err(); err != nil {
				return err
			}
			t0, t1 := asInt(v[1]), asInt(v[2])
			f.addMemory(max(t0, from))
			over := between(f.memory, math.MinInt64, min(t1+1, to))
			f.memory = f.memory[len(over):]
			if len(over) == 0 && v[10] != nil && t0 >= from && t1 < to && b.fits(t0, t1) {
				b.merge(chunkSummary(v))
			} else {
				points, err := f.chunkPoints(f.series, asInt(v[0]), v[11], scratch[:0])
				if err != nil {
					return err
				}
				scratch = points
				points = between(points, from, to)
				if len(over) > 0 {
					points = mergePoints(nil, points, over)
				}
				b.add(points)
			}
			if b.full() {
				return errStop
			}
			return nil
		}, f.series.id, from, to, b.stride())
	if err != nil {
		return err
	}
	f.addMemory(to)
	return nil
}

// addMemory takes the points in memory that come before the time until.
func (f *bucketFill) addMemory(until int64) {
	sooner := between(f.memory, math.MinInt64, until)
	f.buckets.add(sooner)
	f.memory = f.memory[len(sooner):]
}

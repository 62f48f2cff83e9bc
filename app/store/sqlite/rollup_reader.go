package sqlite

import (
	"database/sql/driver"
	"math"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// bucketFiller fills the buckets of one series in the order of time: from
// rollups that exist and fit, otherwise from chunks, merged with the points in
// memory.
type bucketFiller struct {
	*seriesReader
	series  *series
	buckets *store.BucketBuilder
	memory  []factory.Point // points that were not added yet
	// entries and points are buffers for decoding, by level.
	entries [len(rollupLevels)][]rollupEntry
	points  []factory.Point
}

// maxRollupLevel returns the coarsest level whose entries can fit into a
// bucket, as an index of rollupLevels plus 1, or 0 for none.
func maxRollupLevel(interval factory.Interval) int {
	if interval.Calendar != factory.Fixed {
		return len(rollupLevels)
	}
	level := 0
	for level < len(rollupLevels) && interval.Millis >= rollupLevels[level].entry {
		level++
	}
	return level
}

// fill adds what is sealed from from to to, using rollups up to the level.
func (f *bucketFiller) fill(level int, from, to int64) error {
	if from >= to || f.buckets.More {
		return nil
	}
	if level == 0 {
		return f.fromChunks(from, to)
	}
	l := rollupLevels[level-1]
	for next, more := l.start(from), true; more && !f.buckets.More; {
		rows, err := f.rollups(l, next, to)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if from, err = f.fromRollup(level, row, from, to); err != nil {
				return err
			}
		}
		if more = len(rows) == rollupReadBatch; more {
			next = rows[len(rows)-1].start + l.window
		}
	}
	return f.fill(level-1, from, to)
}

// fromRollup adds what is sealed from from to the end of the rollup's window,
// or to to, and returns that end. If it cannot use the rollup it returns from,
// and the caller uses chunks.
func (f *bucketFiller) fromRollup(level int, row rollupRow, from, to int64) (int64, error) {
	l := rollupLevels[level-1]
	if len(store.Between(f.memory, row.start, row.start+l.window)) > 0 {
		return from, nil // points in memory may replace some of its points
	}
	entries, hasIncrease, err := f.decode(level, row.data)
	if err != nil || f.series.metric().Kind == factory.Counter && !hasIncrease {
		return from, nil //nolint:nilerr // the chunks have the same content
	}
	if err := f.fill(level-1, from, row.start); err != nil {
		return 0, err
	}
	from = max(from, row.start)
	for i := range entries {
		e := &entries[i]
		e.start = floorTo(e.First.ObservedAt, l.entry)
		if e.start+l.entry <= from {
			continue
		}
		if e.start >= to || f.buckets.More {
			break
		}
		if e.start >= from && e.start+l.entry <= to && f.buckets.Fits(e.First.ObservedAt, e.Last.ObservedAt) {
			f.buckets.Merge(e.Summary)
		} else if err := f.fill(level-1, max(from, e.start), min(to, e.start+l.entry)); err != nil {
			return 0, err
		}
	}
	return min(to, row.start+l.window), nil
}

// decode returns the entries of a rollup of the level. They are valid until
// the next call for that level.
func (f *bucketFiller) decode(level int, data []byte) (entries []rollupEntry, hasIncrease bool, err error) {
	entries, f.points, hasIncrease, err = decodeRollup(f.entries[level-1], f.points, data)
	if err == nil {
		f.entries[level-1] = entries
	}
	return entries, hasIncrease, err
}

// rollupRow is a rollup as stored in the file.
type rollupRow struct {
	start int64
	data  []byte
}

// rollupReadBatch limits the rollups in memory while a long history is read.
const rollupReadBatch = 16

// rollups reads the first rollups of a level that start from from (inclusive)
// to to (exclusive).
func (f *bucketFiller) rollups(l rollupLevel, from, to int64) (rows []rollupRow, err error) {
	err = f.query("SELECT t0, data FROM rollup WHERE series_id = ? AND level = ? AND t0 >= ? AND t0 < ? ORDER BY t0 LIMIT ?",
		func(v []driver.Value) error {
			if err := f.ctx.Err(); err != nil {
				return err
			}
			rows = append(rows, rollupRow{start: asInt(v[0]), data: asBytes(v[1])})
			return nil
		}, f.series.id, l.id, from, to, int64(rollupReadBatch))
	return rows, err
}

// fromChunks adds the chunks from from to to: by their summary if they fit
// into a bucket, otherwise by their points.
func (f *bucketFiller) fromChunks(from, to int64) error {
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
			overlay := store.Between(f.memory, math.MinInt64, min(t1+1, to))
			f.memory = f.memory[len(overlay):]
			if len(overlay) == 0 && v[10] != nil && t0 >= from && t1 < to && b.Fits(t0, t1) {
				b.Merge(chunkSummary(v))
			} else {
				points, err := f.chunkPoints(f.series, asInt(v[0]), v[11], scratch[:0])
				if err != nil {
					return err
				}
				scratch = points
				points = store.Between(points, from, to)
				if len(overlay) > 0 {
					points = mergePoints(nil, points, overlay)
				}
				b.Add(points)
			}
			if b.More {
				return errStop
			}
			return nil
		}, f.series.id, from, to, stride(b.Query.Interval))
	if err != nil {
		return err
	}
	f.addMemory(to)
	return nil
}

// addMemory adds the points in memory before the time until.
func (f *bucketFiller) addMemory(until int64) {
	earlier := store.Between(f.memory, math.MinInt64, until)
	f.buckets.Add(earlier)
	f.memory = f.memory[len(earlier):]
}

package sqlite

import (
	"database/sql/driver"
	"fmt"
	"math"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// A rollup has the summaries of one window of a series, with an entry for each
// minute or hour that has points. It is built once the last chunk ends after
// the window, and only if it replaces many points. Rollups are derived data:
// a transaction that changes a chunk also deletes the rollups of its points.
// So an existing rollup is always correct, and a missing one only costs time.

// rollupLevel is a resolution of rollups.
type rollupLevel struct {
	id        int64
	entry     int64 // length of an entry, in milliseconds
	window    int64 // length of a rollup, in milliseconds
	minPoints int64 // minimum average of points per entry
}

// rollupLevels are the levels, finest first.
var rollupLevels = [2]rollupLevel{
	{id: 1, entry: 60_000, window: 240 * 60_000, minPoints: 16},
	{id: 2, entry: 3_600_000, window: 240 * 3_600_000, minPoints: 64},
}

// start returns the start of the window that contains at.
func (l rollupLevel) start(at int64) int64 { return floorTo(at, l.window) }

// floorTo returns the greatest multiple of unit that is not above at.
func floorTo(at, unit int64) int64 {
	into := at % unit
	if into < 0 {
		into += unit
	}
	if at < math.MinInt64+into {
		return math.MinInt64
	}
	return at - into
}

const (
	// rollupsPerRun limits the rollups that one maintenance builds, so that
	// sealing does not wait long. rollupsPerTransaction limits a transaction.
	rollupsPerRun         = 512
	rollupsPerTransaction = 64
)

// rollupRecord is a rollup to be written.
type rollupRecord struct {
	window
	data []byte
}

// buildRollupsLocked builds the rollups that are due and those that are stale.
func (z *sealer) buildRollupsLocked(stop <-chan struct{}) (err error) {
	defer func() {
		if err != nil {
			z.retryRollups(z.maintenance.unwritten) // the chunks may have changed by the next run
			z.maintenance.unwritten = nil
		}
	}()
	budget := rollupsPerRun
	for _, s := range z.catalog.allSeries() {
		for i, level := range rollupLevels {
			for budget > 0 && s.lastChunk.points > 0 && z.rollupDue(s, i) {
				if isClosed(stop) {
					return z.writeRollups()
				}
				budget--
				if err := z.buildNextRollup(s, i, level); err != nil {
					return fmt.Errorf("roll up machine %q, metric %q: %w", s.Machine, s.Metric, err)
				}
			}
		}
	}
	if err := z.rebuildStaleRollups(stop); err != nil {
		return err
	}
	return z.writeRollups()
}

// writeRollups writes the rollups that were built.
func (z *sealer) writeRollups() error {
	rows := z.maintenance.unwritten
	if len(rows) == 0 {
		return nil
	}
	z.maintenance.unwritten = nil
	bytes := 0
	err := z.writer.transact(func(c *conn) error {
		for _, row := range rows {
			bytes += len(row.data) + logRowOverhead
			if err := c.exec("INSERT OR REPLACE INTO rollup (series_id, level, t0, data) VALUES (?, ?, ?, ?)",
				row.series.id, rollupLevels[row.level].id, row.start, row.data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		z.retryRollups(rows)
		return err
	}
	z.addWALBytes(bytes)
	return z.checkpointLocked()
}

// retryRollups makes sure that rollups which were not written are built again.
func (z *sealer) retryRollups(rows []rollupRecord) {
	for _, row := range rows {
		row.series.nextRollup[row.level].known = false // read it from the file
	}
}

// rollupDue reports whether the next window of s may be complete.
func (z *sealer) rollupDue(s *series, level int) bool {
	l := rollupLevels[level]
	next := &s.nextRollup[level]
	if !next.known {
		// Continue after the last rollup. Windows before it without a rollup
		// had too few points.
		next.known, next.at = true, l.start(s.firstChunkEnd)
		last, err := z.conn.queryInt("SELECT coalesce(max(t0), ?) FROM rollup WHERE series_id = ? AND level = ?", int64(math.MinInt64), s.id, l.id)
		if err == nil && last != math.MinInt64 {
			next.at = max(next.at, last+l.window)
		}
	}
	return next.at < math.MaxInt64-l.window && next.at+l.window <= s.lastChunk.end
}

// buildNextRollup builds the rollup of the next window of s, or skips windows
// with too few points.
func (z *sealer) buildNextRollup(s *series, i int, l rollupLevel) error {
	next := &s.nextRollup[i]
	t0, t1, n := int64(math.MaxInt64), int64(math.MaxInt64), int64(0)
	err := z.conn.query("SELECT t0, t1, n FROM chunk WHERE series_id = ? AND t1 >= ? ORDER BY t0 LIMIT 1", func(v []driver.Value) error {
		t0, t1, n = asInt(v[0]), asInt(v[1]), asInt(v[2])
		return nil
	}, s.id, next.at)
	if err != nil {
		return err
	}
	if t0 == math.MaxInt64 {
		next.at = l.start(s.lastChunk.end)
		return nil
	}
	if start := l.start(t0); start > next.at {
		next.at = start
		return nil
	}
	if entries := (t1-t0)/l.entry + 1; n < entries*l.minPoints {
		next.at = max(next.at+l.window, l.start(t1))
		return nil
	}
	err = z.buildRollup(window{s, i, next.at})
	next.at += l.window
	return err
}

// rebuildStaleRollups builds the rollups again that late points have
// invalidated.
func (z *sealer) rebuildStaleRollups(stop <-chan struct{}) error {
	for w := range z.maintenance.stale {
		if isClosed(stop) {
			return nil
		}
		delete(z.maintenance.stale, w)
		if w.series.purged.Load() || w.start >= w.series.nextRollup[w.level].at {
			continue // deleted, or not built yet
		}
		if err := z.buildRollup(w); err != nil {
			return err
		}
	}
	return nil
}

// window identifies a rollup.
type window struct {
	series *series
	level  int
	start  int64
}

// buildRollup builds one rollup from the chunks.
func (z *sealer) buildRollup(w window) error {
	s, l, start := w.series, rollupLevels[w.level], w.start
	var entries []rollupEntry
	points, damaged := []factory.Point(nil), false
	err := z.conn.query(chunksOfRange, func(v []driver.Value) (err error) {
		if points, err = decodeChunk(points[:0], asBytes(v[1])); err != nil {
			damaged = true
			z.reportDamage(asInt(v[0]), s.key, err)
			return errStop
		}
		entries = addEntries(entries, store.Between(points, start, start+l.window), l.entry)
		return nil
	}, s.id, start, start+l.window)
	if err != nil || damaged || len(entries) == 0 {
		return err
	}
	total := int64(0)
	for _, e := range entries {
		total += e.Count
	}
	if total < int64(len(entries))*l.minPoints {
		return nil
	}
	data := appendRollup(nil, entries, s.metric().Kind == factory.Counter)
	z.maintenance.unwritten = append(z.maintenance.unwritten, rollupRecord{w, data})
	if len(z.maintenance.unwritten) >= rollupsPerTransaction {
		return z.writeRollups()
	}
	return nil
}

// rollupEntry is the summary of one minute or hour.
type rollupEntry struct {
	start int64
	factory.Summary
}

// addEntries adds points, which must not be before those in entries.
func addEntries(entries []rollupEntry, points []factory.Point, length int64) []rollupEntry {
	for len(points) > 0 {
		start := floorTo(points[0].ObservedAt, length)
		n := 1
		for n < len(points) && floorTo(points[n].ObservedAt, length) == start {
			n++
		}
		if last := len(entries) - 1; last < 0 || entries[last].start != start {
			entries = append(entries, rollupEntry{start: start})
		}
		entries[len(entries)-1].AddAll(points[:n])
		points = points[n:]
	}
	return entries
}

// deleteRollups deletes the rollups of a series that contain times from t0 to
// t1, both inclusive.
func deleteRollups(c *conn, series, t0, t1 int64) error {
	for _, l := range rollupLevels {
		first := l.start(t0)
		if err := c.exec("DELETE FROM rollup WHERE series_id = ? AND level = ? AND t0 >= ? AND t0 <= ?", series, l.id, first, t1); err != nil {
			return err
		}
	}
	return nil
}

// markRollupsStale records which rollups to build again after points from t0
// to t1, both inclusive, have changed.
func (z *sealer) markRollupsStale(s *series, t0, t1 int64) {
	for i, l := range rollupLevels {
		for start := l.start(t0); start <= t1 && start < s.nextRollup[i].at; start += l.window {
			z.maintenance.stale[window{s, i, start}] = struct{}{}
			if len(z.maintenance.stale) > 4*rollupsPerRun {
				return // too many; queries will use the chunks
			}
		}
	}
}

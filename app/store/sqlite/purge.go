package sqlite

import (
	"maps"
	"math"
	"slices"
)

// markPurged asks the sealer to delete the points of a purged series. seq is
// the last log row that may contain one.
func (z *sealer) markPurged(id, seq int64) {
	u := &z.maintenance
	u.mu.Lock()
	defer u.mu.Unlock()
	u.purged[id] = seq
}

// deletePurged deletes the chunks, rollups and quarantined parts of purged
// series.
func (z *sealer) deletePurged(stop <-chan struct{}) error {
	u := &z.maintenance
	u.mu.Lock()
	purged := maps.Clone(u.purged)
	u.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(purged)) {
		for more := true; more; {
			if isClosed(stop) {
				return nil
			}
			n, err := z.deleteChunks(id, math.MaxInt64)
			if err != nil {
				return err
			}
			more = n == deleteBatchRows
			if err := z.checkpointLocked(); err != nil {
				return err
			}
		}
		done := false
		err := z.writer.transact(func(c *conn) error {
			for _, table := range []string{"DELETE FROM rollup WHERE series_id = ?", "DELETE FROM quarantine WHERE series_id = ?"} {
				if err := c.exec(table, id); err != nil {
					return err
				}
			}
			if err := u.countQuarantine(c); err != nil {
				return err
			}
			// Keep the mark while recovery would still find points in the log.
			first, err := c.queryInt("SELECT coalesce(min(seq), ?) FROM ingest_log", int64(math.MaxInt64))
			if done = first > purged[id]; err != nil || !done {
				return err
			}
			return c.exec("DELETE FROM purged WHERE series_id = ?", id)
		})
		if err != nil {
			return err
		}
		if done {
			u.mu.Lock()
			delete(u.purged, id)
			u.mu.Unlock()
		}
	}
	return nil
}

package sqlite

import (
	"database/sql/driver"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// removeRows bounds the chunks removed in one transaction, and so the time
// that commits wait for it.
const deleteBatchRows = 128

// upkeep is what the sealer does beside sealing: it removes what is expired,
// what was purged and what the size limit leaves no room for, sets aside what
// is damaged, and gives space back to the file system. All of it happens in
// small transactions, between which commits have their turn.
type maintenance struct {
	onEvent                       func(Event)
	expired, evicted, quarantined atomic.Uint64

	mu      sync.Mutex
	purged  map[int64]int64  // series to clear away, and the last log row with a point
	damaged map[int64]damage // chunks that readers found, by id

	// The fields below belong to the sealer.
	lastRun     time.Time // of the last upkeep
	sizeLimit sizeLimitState
	stale    map[window]struct{} // rollups to make anew
	unwritten     []rollupRecord        // rollups to write
}

// damage is what a reader has found.
type damage struct {
	key   key
	cause error
}

func (u *maintenance) report(e Event) {
	if u.onEvent != nil {
		u.onEvent(e)
	}
}

// noteDamage counts and reports a chunk that was set aside.
func (u *maintenance) reportQuarantined(k key, cause error) {
	u.quarantined.Add(1)
	u.report(Event{Kind: EventDamaged, Err: fmt.Errorf("machine %q, metric %q: %w", k.machine, k.metric, cause)})
}

// countQuarantine counts the parts that are set aside, those found before the
// last start included.
func (u *maintenance) countQuarantine(c *conn) error {
	n, err := c.queryInt("SELECT count(*) FROM quarantine")
	if err == nil {
		u.quarantined.Store(uint64(max(0, n)))
	}
	return err
}

// reportDamage has the sealer set a chunk aside in time.
func (z *sealer) reportDamage(id int64, k key, cause error) {
	u := &z.maintenance
	u.mu.Lock()
	if u.damaged == nil {
		u.damaged = make(map[int64]damage)
	}
	u.damaged[id] = damage{k, cause}
	u.mu.Unlock()
	z.signal()
}

// notePurged has the sealer clear away a series whose last point is in log
// row seq at the latest.
func (z *sealer) markPurged(id, seq int64) {
	u := &z.maintenance
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.purged == nil {
		u.purged = make(map[int64]int64)
	}
	u.purged[id] = seq
}

// upkeepLocked does what is due. stop ends it early.
func (z *sealer) maintainLocked(stop <-chan struct{}, everything bool) error {
	if err := z.quarantineDamaged(); err != nil {
		return err
	}
	if err := z.deletePurged(stop); err != nil {
		return err
	}
	now := z.options.now()
	if !everything && now.Sub(z.maintenance.lastRun) < z.options.maintainEvery {
		return nil
	}
	z.maintenance.lastRun = now
	if err := z.expireChunksLocked(stop, now.UnixMilli()); err != nil {
		return err
	}
	if err := z.buildRollupsLocked(stop); err != nil {
		return err
	}
	if err := z.enforceSizeLimitLocked(stop); err != nil {
		return err
	}
	return z.vacuumLocked(stop, everything)
}

// stopped reports whether stop, which may be nil, is closed.
func isClosed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// setDamagedAside moves the chunks that readers found damaged out of the way.
func (z *sealer) quarantineDamaged() error {
	u := &z.maintenance
	u.mu.Lock()
	damaged := maps.Clone(u.damaged)
	u.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(damaged)) {
		d := damaged[id]
		there := false
		err := z.writer.transact(func(c *conn) error {
			n, err := c.queryInt("SELECT count(*) FROM chunk WHERE id = ?", id)
			if there = n > 0; err != nil || !there {
				return err
			}
			return quarantineChunk(c, id, d.cause, z.options.now().UnixMilli())
		})
		if err != nil {
			return err
		}
		if there {
			u.reportQuarantined(d.key, d.cause)
		}
		u.mu.Lock()
		delete(u.damaged, id)
		u.mu.Unlock()
	}
	return nil
}

// setAside moves a chunk to the quarantine.
func quarantineChunk(c *conn, id int64, cause error, now int64) error {
	err := c.query("SELECT series_id, t0, t1 FROM chunk WHERE id = ?", func(v []driver.Value) error {
		return deleteRollups(c, asInt(v[0]), asInt(v[1]), asInt(v[2]))
	}, id)
	if err != nil {
		return err
	}
	err = c.exec(`INSERT INTO quarantine (kind, series_id, t0, t1, n, found_at, reason, data)
		SELECT 'chunk', series_id, t0, t1, n, ?2, ?3, data FROM chunk WHERE id = ?1`, id, now, cause.Error())
	if err != nil {
		return err
	}
	return c.exec("DELETE FROM chunk WHERE id = ?", id)
}

// clearPurged removes what is left of purged series.
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
		gone := false
		err := z.writer.transact(func(c *conn) error {
			for _, table := range []string{"DELETE FROM rollup WHERE series_id = ?", "DELETE FROM quarantine WHERE series_id = ?"} {
				if err := c.exec(table, id); err != nil {
					return err
				}
			}
			if err := u.countQuarantine(c); err != nil {
				return err
			}
			// Until then the next start would find points of it in the log.
			first, err := c.queryInt("SELECT coalesce(min(seq), ?) FROM ingest_log", int64(math.MaxInt64))
			if gone = first > purged[id]; err != nil || !gone {
				return err
			}
			return c.exec("DELETE FROM purged WHERE series_id = ?", id)
		})
		if err != nil {
			return err
		}
		if gone {
			u.mu.Lock()
			delete(u.purged, id)
			u.mu.Unlock()
		}
	}
	return nil
}

// rollupsUpTo deletes the rollups of a series that have points up to a time.
const deleteRollupsUpTo = "DELETE FROM rollup WHERE series_id = ? AND t0 <= ?"

// removeChunks removes the first chunks of a series that end before until, at
// most removeRows, and returns how many.
func (z *sealer) deleteChunks(id, until int64) (chunks int, err error) {
	const first = "(SELECT id FROM chunk WHERE series_id = ? AND t0 < ? AND t1 < ? ORDER BY t0 LIMIT ?)"
	args := []driver.Value{id, until, until, int64(deleteBatchRows)}
	var points, last int64
	err = z.writer.transact(func(c *conn) error {
		err := c.query("SELECT count(*), coalesce(sum(n), 0), max(t1) FROM chunk WHERE id IN "+first, func(v []driver.Value) error {
			chunks, points, last = int(asInt(v[0])), asInt(v[1]), asInt(v[2])
			return nil
		}, args...)
		if err != nil || chunks == 0 {
			return err
		}
		if err := c.exec(deleteRollupsUpTo, id, last); err != nil {
			return err
		}
		return c.exec("DELETE FROM chunk WHERE id IN "+first, args...)
	})
	if err == nil && chunks > 0 {
		z.addWALBytes(chunks * pageSize)
		if until != math.MaxInt64 {
			z.maintenance.expired.Add(uint64(points))
		}
	}
	return chunks, err
}

// expireLocked removes the chunks of which every point is expired. A chunk
// with some that are not stays whole; readers pass over the expired ones.
func (z *sealer) expireChunksLocked(stop <-chan struct{}, now int64) error {
	for _, s := range z.catalog.allSeries() {
		expiry := s.expiry(now, z.options.Retention)
		for s.lastChunk.points > 0 && s.firstChunkEnd < expiry {
			if isClosed(stop) {
				return nil
			}
			if _, err := z.deleteChunks(s.id, expiry); err != nil {
				return err
			}
			if err := z.reloadChunkBounds(s); err != nil {
				return err
			}
			if err := z.checkpointLocked(); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookAtEnds reads from the file where the chunks of s begin and end, after
// some were removed.
func (z *sealer) reloadChunkBounds(s *series) (err error) {
	if s.lastChunk, err = z.loadLastChunk(s); err != nil {
		return err
	}
	s.firstChunkEnd, err = z.conn.queryInt("SELECT t1 FROM chunk WHERE series_id = ? ORDER BY t0 LIMIT 1", s.id)
	return err
}

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
const removeRows = 128

// upkeep is what the sealer does beside sealing: it removes what is expired,
// what was purged and what the size limit leaves no room for, sets aside what
// is damaged, and gives space back to the file system. All of it happens in
// small transactions, between which commits have their turn.
type upkeep struct {
	onEvent                       func(Event)
	expired, evicted, quarantined atomic.Uint64

	mu      sync.Mutex
	purged  map[int64]int64  // series to clear away, and the last log row with a point
	damaged map[int64]damage // chunks that readers found, by id

	// The fields below belong to the sealer.
	last     time.Time // of the last upkeep
	eviction eviction
	stale    map[window]struct{} // rollups to make anew
	made     []madeRollup        // rollups to write
}

// damage is what a reader has found.
type damage struct {
	key   key
	cause error
}

func (u *upkeep) event(e Event) {
	if u.onEvent != nil {
		u.onEvent(e)
	}
}

// noteDamage counts and reports a chunk that was set aside.
func (u *upkeep) noteDamage(k key, cause error) {
	u.quarantined.Add(1)
	u.event(Event{Kind: EventDamaged, Err: fmt.Errorf("machine %q, metric %q: %w", k.machine, k.metric, cause)})
}

// countQuarantine counts the parts that are set aside, those found before the
// last start included.
func (u *upkeep) countQuarantine(c *conn) error {
	n, err := c.queryInt("SELECT count(*) FROM quarantine")
	if err == nil {
		u.quarantined.Store(uint64(max(0, n)))
	}
	return err
}

// reportDamage has the sealer set a chunk aside in time.
func (z *sealer) reportDamage(id int64, k key, cause error) {
	u := &z.upkeep
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
func (z *sealer) notePurged(id, seq int64) {
	u := &z.upkeep
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.purged == nil {
		u.purged = make(map[int64]int64)
	}
	u.purged[id] = seq
}

// upkeepLocked does what is due. stop ends it early.
func (z *sealer) upkeepLocked(stop <-chan struct{}, everything bool) error {
	if err := z.setDamagedAside(); err != nil {
		return err
	}
	if err := z.clearPurged(stop); err != nil {
		return err
	}
	now := z.options.now()
	if !everything && now.Sub(z.upkeep.last) < z.options.upkeepEvery {
		return nil
	}
	z.upkeep.last = now
	if err := z.expireLocked(stop, now.UnixMilli()); err != nil {
		return err
	}
	if err := z.rollUpLocked(stop); err != nil {
		return err
	}
	if err := z.evictLocked(stop); err != nil {
		return err
	}
	return z.vacuumLocked(stop, everything)
}

// stopped reports whether stop, which may be nil, is closed.
func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// setDamagedAside moves the chunks that readers found damaged out of the way.
func (z *sealer) setDamagedAside() error {
	u := &z.upkeep
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
			return setAside(c, id, d.cause, z.options.now().UnixMilli())
		})
		if err != nil {
			return err
		}
		if there {
			u.noteDamage(d.key, d.cause)
		}
		u.mu.Lock()
		delete(u.damaged, id)
		u.mu.Unlock()
	}
	return nil
}

// setAside moves a chunk to the quarantine.
func setAside(c *conn, id int64, cause error, now int64) error {
	err := c.query("SELECT series_id, t0, t1 FROM chunk WHERE id = ?", func(v []driver.Value) error {
		return dropRollups(c, asInt(v[0]), asInt(v[1]), asInt(v[2]))
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
func (z *sealer) clearPurged(stop <-chan struct{}) error {
	u := &z.upkeep
	u.mu.Lock()
	purged := maps.Clone(u.purged)
	u.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(purged)) {
		for more := true; more; {
			if stopped(stop) {
				return nil
			}
			n, err := z.removeChunks(id, math.MaxInt64)
			if err != nil {
				return err
			}
			more = n == removeRows
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
const rollupsUpTo = "DELETE FROM rollup WHERE series_id = ? AND t0 <= ?"

// removeChunks removes the first chunks of a series that end before until, at
// most removeRows, and returns how many.
func (z *sealer) removeChunks(id, until int64) (chunks int, err error) {
	const first = "(SELECT id FROM chunk WHERE series_id = ? AND t0 < ? AND t1 < ? ORDER BY t0 LIMIT ?)"
	args := []driver.Value{id, until, until, int64(removeRows)}
	var points, last int64
	err = z.writer.transact(func(c *conn) error {
		err := c.query("SELECT count(*), coalesce(sum(n), 0), max(t1) FROM chunk WHERE id IN "+first, func(v []driver.Value) error {
			chunks, points, last = int(asInt(v[0])), asInt(v[1]), asInt(v[2])
			return nil
		}, args...)
		if err != nil || chunks == 0 {
			return err
		}
		if err := c.exec(rollupsUpTo, id, last); err != nil {
			return err
		}
		return c.exec("DELETE FROM chunk WHERE id IN "+first, args...)
	})
	if err == nil && chunks > 0 {
		z.wrote(chunks * pageSize)
		if until != math.MaxInt64 {
			z.upkeep.expired.Add(uint64(points))
		}
	}
	return chunks, err
}

// expireLocked removes the chunks of which every point is expired. A chunk
// with some that are not stays whole; readers pass over the expired ones.
func (z *sealer) expireLocked(stop <-chan struct{}, now int64) error {
	for _, s := range z.catalog.all() {
		expiry := s.expiry(now, z.options.Retention)
		for s.tail.points > 0 && s.firstEnd < expiry {
			if stopped(stop) {
				return nil
			}
			if _, err := z.removeChunks(s.id, expiry); err != nil {
				return err
			}
			if err := z.lookAtEnds(s); err != nil {
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
func (z *sealer) lookAtEnds(s *series) (err error) {
	if s.tail, err = z.readTail(s); err != nil {
		return err
	}
	s.firstEnd, err = z.conn.queryInt("SELECT t1 FROM chunk WHERE series_id = ? ORDER BY t0 LIMIT 1", s.id)
	return err
}

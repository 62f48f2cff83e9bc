package sqlite

import (
	"cmp"
	"database/sql/driver"
	"math"
	"slices"
	"time"

	"smart-factory-backend/app/store"
)

const (
	// nearLimitTenths of MaxBytes cause a warning.
	nearLimitTenths = 9
	// evictTargetPercent of MaxBytes may remain in use after an eviction.
	evictTargetPercent = 97
	// vacuumPages is the number of pages that one transaction returns.
	vacuumPages = 64
	// minFreePages is the number of free pages to keep.
	minFreePages = 256
)

// sizeLimitState is the state of the size limit between two runs.
type sizeLimitState struct {
	warned         bool      // EventNearLimit was reported
	unreported     uint64    // evicted points since the last EventEvicted
	reported       time.Time // time of the last EventEvicted
	nothingToEvict bool      // EventNothingToEvict was reported
}

// enforceSizeLimitLocked deletes the oldest chunks of all series together
// while the used size exceeds MaxBytes.
func (z *sealer) enforceSizeLimitLocked(stop <-chan struct{}) error {
	limit := z.options.MaxBytes
	if limit <= 0 {
		return nil
	}
	used, err := z.usedBytes()
	if err != nil {
		return err
	}
	z.warnNearLimit(used)
	if used <= limit {
		return nil
	}
	oldest := z.oldestFirst()
	for used > limit/100*evictTargetPercent && !isClosed(stop) {
		removed, err := z.evictBatch(&oldest, used-limit/100*evictTargetPercent)
		if err != nil {
			return err
		}
		if removed == 0 {
			if !z.maintenance.sizeLimit.nothingToEvict {
				z.maintenance.report(store.Event{Kind: store.EventNothingToEvict, Bytes: used})
			}
			z.maintenance.sizeLimit.nothingToEvict = true
			return nil
		}
		z.maintenance.sizeLimit.nothingToEvict = false
		if err := z.checkpointLocked(); err != nil {
			return err
		}
		if used, err = z.usedBytes(); err != nil {
			return err
		}
	}
	e := &z.maintenance.sizeLimit
	if now := z.options.now(); now.Sub(e.reported) >= time.Minute {
		z.maintenance.report(store.Event{Kind: store.EventEvicted, Bytes: used, Points: e.unreported})
		e.reported, e.unreported = now, 0
	}
	return nil
}

// warnNearLimit reports EventNearLimit when the limit comes near.
func (z *sealer) warnNearLimit(used int64) {
	near := used >= z.options.MaxBytes/10*nearLimitTenths
	if near && !z.maintenance.sizeLimit.warned {
		z.maintenance.report(store.Event{Kind: store.EventNearLimit, Bytes: used})
	}
	z.maintenance.sizeLimit.warned = near
}

// usedBytes returns the size of the database without its free pages.
func (z *sealer) usedBytes() (int64, error) {
	var n [3]int64
	for i, query := range []string{"PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size"} {
		var err error
		if n[i], err = z.conn.queryInt(query); err != nil {
			return 0, err
		}
	}
	return (n[0] - n[1]) * n[2], nil
}

// oldestFirst returns all series with chunks; the one whose first chunk ends
// first is first.
func (z *sealer) oldestFirst() (all []*series) {
	for _, s := range z.catalog.allSeries() {
		if s.lastChunk.points > 0 {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *series) int { return cmp.Compare(a.firstChunkEnd, b.firstChunkEnd) })
	return all
}

// evictBatch deletes the oldest chunks: at most deleteBatchRows, and not more
// than needed to free so many bytes. It returns how many it deleted.
func (z *sealer) evictBatch(oldest *[]*series, bytes int64) (removed int, err error) {
	var ids []int64
	lastEnds := make(map[*series]int64) // the end of the last deleted chunk
	var points uint64
	for len(ids) < deleteBatchRows && bytes > 0 && len(*oldest) > 0 {
		s := (*oldest)[0]
		next, found := int64(math.MaxInt64), false
		err := z.conn.query("SELECT id, t1, n, length(data) FROM chunk WHERE series_id = ? AND t1 >= ? ORDER BY t0 LIMIT 2",
			func(v []driver.Value) error {
				if found {
					next = asInt(v[1])
					return nil
				}
				found = true
				ids = append(ids, asInt(v[0]))
				points += uint64(asInt(v[2]))
				bytes -= asInt(v[3]) + logRowOverhead
				return nil
			}, s.id, s.firstChunkEnd)
		if err != nil {
			return 0, err
		}
		lastEnds[s] = s.firstChunkEnd
		s.firstChunkEnd = next
		later := (*oldest)[1:]
		if next == math.MaxInt64 {
			*oldest = later
			continue
		}
		i, _ := slices.BinarySearchFunc(later, next, func(s *series, end int64) int { return cmp.Compare(s.firstChunkEnd, end) })
		copy(*oldest, later[:i])
		(*oldest)[i] = s
	}
	if len(ids) == 0 {
		return 0, nil
	}
	err = z.writer.transact(func(c *conn) error {
		for _, id := range ids {
			if err := c.exec("DELETE FROM chunk WHERE id = ?", id); err != nil {
				return err
			}
		}
		for s, last := range lastEnds {
			if err := c.exec(deleteRollupsUpTo, s.id, last); err != nil {
				return err
			}
		}
		return nil
	})
	for s := range lastEnds {
		if endsErr := z.reloadChunkBounds(s); err == nil {
			err = endsErr
		}
	}
	if err != nil {
		return 0, err
	}
	z.addWALBytes(len(ids) * pageSize)
	z.maintenance.evicted.Add(points)
	z.maintenance.sizeLimit.unreported += points
	return len(ids), nil
}

package sqlite

import (
	"sync"
	"sync/atomic"
	"time"
)

// deleteBatchRows bounds the chunks removed in one transaction, and so the time
// that commits wait for it.
const deleteBatchRows = 128

// maintenance is what the sealer does beside sealing: it removes what is expired,
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
	lastRun   time.Time // of the last upkeep
	sizeLimit sizeLimitState
	stale     map[window]struct{} // rollups to make anew
	unwritten []rollupRecord      // rollups to write
}

func (u *maintenance) report(e Event) {
	if u.onEvent != nil {
		u.onEvent(e)
	}
}

// maintainLocked does what is due. stop ends it early.
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

// isClosed reports whether stop, which may be nil, is closed.
func isClosed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// deleteRollupsUpTo deletes the rollups of a series that have points up to a time.
const deleteRollupsUpTo = "DELETE FROM rollup WHERE series_id = ? AND t0 <= ?"

// vacuumLocked gives free pages back to the file system, a few at a time, and
// only where they are many: what comes next needs them again.
func (z *sealer) vacuumLocked(stop <-chan struct{}, everything bool) error {
	for !isClosed(stop) {
		pages, err := z.conn.queryInt("PRAGMA page_count")
		if err != nil {
			return err
		}
		free, err := z.conn.queryInt("PRAGMA freelist_count")
		if err != nil {
			return err
		}
		if target := max(minFreePages, pages/20); free <= target && (!everything || free <= minFreePages) {
			return nil
		}
		before := free
		if err := z.writer.vacuum(vacuumPages); err != nil {
			return err
		}
		z.addWALBytes(2 * vacuumPages * pageSize)
		if err := z.checkpointLocked(); err != nil {
			return err
		}
		if free, err = z.conn.queryInt("PRAGMA freelist_count"); err != nil || free >= before {
			return err // a file without auto_vacuum has nothing to give
		}
	}
	return nil
}

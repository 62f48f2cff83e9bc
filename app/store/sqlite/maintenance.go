package sqlite

import (
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// deleteBatchRows limits the chunks that one transaction deletes, and so the
// time that commits wait for it.
const deleteBatchRows = 128

// maintenance is the state of what the sealer does besides sealing: deleting
// expired, purged and evicted chunks, building rollups, moving damaged parts
// to the quarantine, and returning free space. All of it happens in small
// transactions, so that commits run in between.
type maintenance struct {
	onEvent                       func(store.Event)
	expired, evicted, quarantined atomic.Uint64

	mu      sync.Mutex
	purged  map[int64]int64  // series to delete, each with the last log row that may have a point of it
	damaged map[int64]damage // chunks to quarantine, by id

	// Only the sealer uses the fields below.

	lastRun   time.Time
	events    map[factory.EventKind]*eventExpiry
	sizeLimit sizeLimitState
	stale     map[window]struct{} // rollups to build again
	unwritten []rollupRecord      // rollups to write
}

// report passes an event to the operator.
func (u *maintenance) report(e store.Event) {
	if u.onEvent != nil {
		u.onEvent(e)
	}
}

// maintainLocked does what is due, or everything at once if everything is set.
// It returns early if stop is closed.
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
	if err := z.expireEventsLocked(stop, now); err != nil {
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

// isClosed reports whether stop is closed; a nil channel is not.
func isClosed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// deleteRollupsUpTo deletes the rollups of a series that start at or before a
// time.
const deleteRollupsUpTo = "DELETE FROM rollup WHERE series_id = ? AND t0 <= ?"

// vacuumLocked returns free pages to the file system, a few at a time. It
// keeps some, since new chunks will need pages again; fewer if everything is
// set.
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
			return err // without auto_vacuum no page is returned
		}
	}
	return nil
}

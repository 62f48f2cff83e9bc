package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/store"
)

// committer commits queued requests in groups, one transaction each; a Store has
// several. While they commit, the next group accumulates. A single reading is
// committed at once if nothing else is queued.
//
// Groups that are committed concurrently may become durable in either order. That
// is correct: all of their calls are concurrent.
type committer struct {
	store *Store
	batch batch
}

// counters are the counts of Stats since the start.
type counters struct {
	store.CommitStats
	expired, evicted atomic.Uint64
}

// errStaleRegistry means that the registry has changed since the readings were
// checked against it.
var errStaleRegistry = errors.New("registry has changed")

// run commits until the queue is closed and empty.
func (c *committer) run() {
	c.store.queue.Run(c.store.options.groupReadings, c.commit, nil)
}

// commit makes the readings of group durable and completes its requests.
func (c *committer) commit(group []*request) {
	s := c.store
	readings := 0
	for _, r := range group {
		readings += len(r.entries)
	}
	start := time.Now()
	err := s.faults.Get(faultConnection)
	if err == nil {
		if err = c.tryCommit(group); err != nil {
			err = store.Unavailable("commit", err)
		}
		switch {
		case isConnectionError(err):
			s.monitor.reportError(err)
		default:
			s.faults.Set(faultCommit, err)
		}
	}
	if err == nil {
		accepted := readings
		for _, r := range group {
			accepted -= r.rejectedLate
		}
		s.counters.Observe(time.Since(start), accepted)
	}
	s.queue.Release(readings)
	for _, r := range group {
		r.Finish(err)
	}
}

// maxAttempts bounds the attempts of a commit that fails with retryable errors.
const maxAttempts = 8

// tryCommit commits the readings of group, with retries. After an error, which may
// be a panic, nothing may be acknowledged. A retry is harmless even if an earlier
// attempt took effect: it writes the same values.
func (c *committer) tryCommit(group []*request) (err error) {
	defer store.RecoverAs(&err)
	s := c.store
	ctx, cancel := s.options.statementContext(context.Background())
	defer cancel()
	reconnected := false
	for attempt := 1; ; attempt++ {
		err = c.attempt(ctx, group)
		stale := errors.Is(err, errStaleRegistry)
		if err == nil || attempt >= maxAttempts && !stale || ctx.Err() != nil {
			return err
		}
		switch {
		case stale: // not counted as an attempt, but bounded by ctx
			err = s.registry.refresh(ctx, s)
		case sqlState(err) == codeNoPartition: // dropped by another replica
			err = s.partitions.refresh(ctx)
		case isRetryable(err):
			err = nil
		case isConnectionError(err) && !reconnected:
			// The server has restarted, or a pooled connection is broken.
			s.writePool.Reset()
			reconnected, err = true, nil
		}
		if err != nil {
			return err
		}
	}
}

// attempt commits the group once, based on the present registry cache.
func (c *committer) attempt(ctx context.Context, group []*request) error {
	s := c.store
	version, unregistered := c.updateSeries(group)
	if unregistered {
		return c.register(ctx, group)
	}
	c.batch.fill(group)
	if len(c.batch.rows) == 0 {
		return nil
	}
	if err := s.partitions.ensure(ctx, c.batch.rows); err != nil {
		return err
	}
	conn, err := s.acquire(ctx, s.writePool)
	if err != nil {
		return err
	}
	defer conn.Release()
	commit := func() error { return c.batch.write(ctx, conn.Conn(), version, s.registryLock) }
	if s.options.aroundCommit != nil {
		return s.options.aroundCommit(commit)
	}
	return commit()
}

// updateSeries updates the series of all entries from the registry cache and
// rejects entries that are no longer allowed. It returns the cache's version, and
// whether some series are not registered.
func (c *committer) updateSeries(group []*request) (version int64, unregistered bool) {
	s := c.store
	now := s.options.nowMillis()
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	version = s.registry.version
	for _, r := range group {
		current := r.version == version
		r.version = version
		for i := range r.entries {
			e := &r.entries[i]
			if e.series == nil || current && e.series.id != 0 {
				continue
			}
			known := s.registry.activeSeriesLocked(e.series.key)
			switch {
			case known != nil:
				e.series = known
			case !s.options.AutoRegister:
				r.rejectEntry(e, store.NotRegistered(e.series.Machine, e.series.Metric))
				continue
			default:
				unregistered = true
				if e.series.id != 0 { // deleted or purged meanwhile
					e.series = &series{key: e.series.key, retention: e.series.retention}
				}
			}
			if err := s.checkExpiry(e.series, e.point.ObservedAt, now); err != nil {
				r.rejectEntry(e, err)
			}
		}
	}
	return version, unregistered
}

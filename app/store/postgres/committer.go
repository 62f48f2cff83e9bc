package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/store"
)

// committer takes what is queued and commits it in one transaction; a Store
// has a few. While they commit, the next group gathers; when nothing waits, a
// single reading is committed at once.
//
// Two groups that are committed at the same time may become durable in either
// order: none of their callers has an answer yet, so none has come after
// another.
type committer struct {
	store *Store
	batch batch
}

// counters are the figures of Stats.
type counters struct {
	store.CommitStats
	expired, evicted atomic.Uint64
}

// errStale: the catalog has changed since the readings were compared with it.
var errStale = errors.New("registry has changed")

// run commits until the queue is closed and empty.
func (c *committer) run() {
	c.store.queue.Run(c.store.options.groupReadings, c.commit, nil)
}

// commit makes the readings of group durable and answers the callers.
func (c *committer) commit(group []*request) {
	s := c.store
	readings := 0
	for _, r := range group {
		readings += len(r.entries)
	}
	start := time.Now()
	err := s.faults.get(faultConnection)
	if err == nil {
		if err = c.tryCommit(group); err != nil {
			err = unavailable("commit", err)
		}
		switch {
		case isConnectionError(err):
			s.monitor.reportError(err)
		default:
			s.faults.set(faultCommit, err)
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

// maxAttempts bounds how often a commit is tried that meets with what passes.
const maxAttempts = 8

// tryCommit is commit without the answers. An error, also one for a panic,
// means that nothing may be acknowledged. Doing the same again is harmless:
// nobody could tell it from a commit that came a little later.
func (c *committer) tryCommit(group []*request) (err error) {
	defer recoverAs(&err)
	s := c.store
	ctx, cancel := s.options.statementContext(context.Background())
	defer cancel()
	again := false // on a new connection
	for attempt := 1; ; attempt++ {
		err = c.attempt(ctx, group)
		stale := errors.Is(err, errStale)
		if err == nil || attempt >= maxAttempts && !stale || ctx.Err() != nil {
			return err
		}
		switch {
		case stale: // another replica got on, so this ends; ctx bounds it
			err = s.registry.refresh(ctx, s, false)
		case sqlState(err) == codeNoPartition: // dropped by another replica
			err = s.partitions.refresh(ctx)
		case isRetryable(err):
			err = nil
		case isConnectionError(err) && !again:
			// The server was restarted, or a pooled connection has died.
			s.writePool.Reset()
			again, err = true, nil
		}
		if err != nil {
			return err
		}
	}
}

// attempt commits the group as the catalog is known now.
func (c *committer) attempt(ctx context.Context, group []*request) error {
	s := c.store
	version, newcomers := c.compare(group)
	if newcomers {
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
	commit := func() error {
		// One statement is its own transaction, and one trip to the server.
		ok, err := parseAppendResult(conn.Conn().PgConn().ExecParams(ctx, appendSQL,
			c.batch.params(version, s.registryLock), appendOIDs, binaryParams, binaryResults).Read())
		if err == nil && !ok {
			return errStale
		}
		return err
	}
	if s.options.aroundCommit != nil {
		return s.options.aroundCommit(commit)
	}
	return commit()
}

// compare sets the series of all entries to those that the catalog has now,
// and refuses what it forbids. It returns the catalog's version and whether
// there are series to register.
func (c *committer) compare(group []*request) (version int64, newcomers bool) {
	s := c.store
	now := s.options.nowMillis()
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	version = s.registry.version
	for _, r := range group {
		same := r.version == version
		r.version = version
		for i := range r.entries {
			e := &r.entries[i]
			if e.series == nil || same && e.series.id != 0 {
				continue
			}
			known := s.registry.activeSeriesLocked(e.series.key)
			switch {
			case known != nil:
				e.series = known
			case !s.options.AutoRegister:
				r.rejectEntry(e, store.NotRegistered(e.series.machine, e.series.metric))
				continue
			default:
				newcomers = true
				if e.series.id != 0 { // deleted or purged meanwhile
					e.series = &series{key: e.series.key, retention: e.series.retention}
				}
			}
			if err := s.checkExpiry(e.series, e.point.ObservedAt, now); err != nil {
				r.rejectEntry(e, err)
			}
		}
	}
	return version, newcomers
}

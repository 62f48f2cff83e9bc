package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// journal commits the batches of this process and hears of those of others.
//
// One goroutine, run, commits: everything that is queued becomes one transaction.
// Another one, listen, waits for notifications; its connection also holds the
// leadership.
type journal struct {
	store      *Store
	queue      *store.Queue[*journalRequest]
	channel    string // of notifications
	leadership leadership

	mu      sync.Mutex
	visible int64         // the greatest seq that was heard of
	changed chan struct{} // closed and replaced when visible grows
	closed  chan struct{}
}

// journalRequest is one call of Write.
type journalRequest struct {
	batch  factory.JournalBatch
	size   int
	result factory.JournalResult
	// refused is why the batch was not stored although the commit succeeded.
	refused error
	done    chan error // has room for the outcome
}

// Size implements store.Queueable.
func (r *journalRequest) Size() int { return r.size }

// Done implements store.Queueable.
func (r *journalRequest) Done() <-chan error { return r.done }

// Limits of the journal's queue, in bytes of batches.
const (
	journalQueueBytes = 16 << 20
	journalGroupBytes = 2 << 20
)

func newJournal(s *Store) *journal {
	return &journal{
		store: s, queue: store.NewQueue[*journalRequest](journalQueueBytes, "bytes"),
		changed: make(chan struct{}), closed: make(chan struct{}),
		leadership: leadership{changed: make(chan struct{})},
	}
}

// Write implements factory.Journal.
func (s *Store) Write(ctx context.Context, batch factory.JournalBatch) (factory.JournalResult, error) {
	j := s.journal
	if err := j.queue.Check(ctx, "write", 0); err != nil {
		return factory.JournalResult{}, err
	}
	batch, err := store.PrepareBatch(batch, s.options.nowMillis())
	if err != nil {
		return factory.JournalResult{}, err
	}
	if err := s.faults.Get(faultConnection); err != nil {
		return factory.JournalResult{}, err
	}
	r := &journalRequest{batch: batch, size: store.BatchBytes(batch), done: make(chan error, 1)}
	if err := j.queue.Check(ctx, "write", r.size); err != nil {
		return factory.JournalResult{}, err
	}
	if _, err := j.queue.Submit(ctx, "write", r); err != nil {
		return factory.JournalResult{}, err
	}
	return r.result, nil
}

// run commits until the queue is closed and empty.
func (j *journal) run() { j.queue.Run(journalGroupBytes, j.commit, nil) }

// commit makes the batches of group durable and answers their calls.
func (j *journal) commit(group []*journalRequest) {
	s := j.store
	size := 0
	for _, r := range group {
		size += r.size
	}
	err := s.faults.Get(faultConnection)
	if err == nil {
		var last int64
		if last, err = j.tryCommit(group); err == nil {
			j.hear(last)
		} else {
			err = store.Unavailable("commit", err)
		}
		if isConnectionError(err) {
			s.monitor.reportError(err)
		} else {
			s.faults.Set(faultCommit, err)
		}
	}
	j.queue.Release(size)
	for _, r := range group {
		if err != nil {
			r.done <- err
			continue
		}
		r.done <- r.refused
	}
}

// hear makes the events up to seq known and wakes those who wait for them.
func (j *journal) hear(seq int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if seq > j.visible {
		j.setLocked(seq)
	}
}

// restart makes seq the greatest one known, whatever was heard before.
func (j *journal) restart(seq int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.setLocked(seq)
}

func (j *journal) setLocked(seq int64) {
	j.visible = seq
	close(j.changed)
	j.changed = make(chan struct{})
}

// listen hears of the events of all processes until ctx ends.
func (j *journal) listen(ctx context.Context) {
	for {
		// Without a connection the monitor has reported the fault; a reader that
		// waits finds new events after the next connect.
		_ = j.listenOnce(ctx)
		retry := time.NewTimer(j.store.options.pollInterval)
		select {
		case <-ctx.Done():
			retry.Stop()
			return
		case <-retry.C:
		}
	}
}

// listenOnce listens on one connection until it fails or ctx ends. Every poll interval
// it looks at the table, in case a notification was lost.
func (j *journal) listenOnce(ctx context.Context) (err error) {
	defer store.RecoverAs(&err)
	s := j.store
	if s.faults.Get(faultConnection) != nil {
		return nil // the monitor is reconnecting
	}
	config, err := s.options.connConfig()
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn, responseGrace)
	defer j.leadership.set(false)
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{j.channel}.Sanitize()); err != nil {
		return err
	}
	last, err := s.lastSeq(ctx, conn)
	if err != nil {
		return err
	}
	_ = s.registry.refresh(ctx, s) // as for each notification
	j.restart(last)                // after a failover the journal may be shorter
	for {
		if err := j.leadership.update(ctx, &s.options, conn); err != nil {
			return err
		}
		if err := j.awaitNotifications(ctx, conn); err != nil {
			return err
		}
		if last, err = s.lastSeq(ctx, conn); err != nil {
			return err
		}
		j.hear(last)
	}
}

// registryChanged follows the seq in the notification of an event that records a change
// of the registry.
const registryChanged = " registry"

// awaitNotifications handles the notifications of one poll interval.
func (j *journal) awaitNotifications(ctx context.Context, conn *pgx.Conn) error {
	waitCtx, cancel := context.WithTimeout(ctx, j.store.options.pollInterval)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(waitCtx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case waitCtx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		number, isRegistry := strings.CutSuffix(n.Payload, registryChanged)
		if isRegistry {
			// First, so that who reads the event finds the change. If it fails the
			// monitor tries again.
			_ = j.store.registry.refresh(ctx, j.store)
		}
		if seq, err := strconv.ParseInt(number, 10, 64); err == nil {
			j.hear(seq)
		}
	}
}

// lastSeq reads the greatest seq.
func (s *Store) lastSeq(ctx context.Context, conn *pgx.Conn) (last int64, err error) {
	ctx, cancel := s.options.statementContext(ctx)
	defer cancel()
	err = conn.QueryRow(ctx, "SELECT coalesce(max(seq), 0) FROM event").Scan(&last)
	return last, err
}

// WaitEvents implements factory.Journal.
func (s *Store) WaitEvents(ctx context.Context, after int64) error {
	j := s.journal
	j.mu.Lock()
	visible, changed := j.visible, j.changed
	j.mu.Unlock()
	if j.queue.Closed() {
		return store.ErrClosed
	}
	if visible > after {
		return nil
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for an event: %w", ctx.Err())
	case <-j.closed:
		return store.ErrClosed
	case <-changed:
		return nil
	}
}

package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// journal is the state of the journal between commits. Only the committer uses the
// fields above mu.
type journal struct {
	now     func() time.Time
	lastSeq int64 // of the last durable event
	nextSeq int64 // of the next event of the transaction
	// before holds the documents that the transaction changes, as they were; nil for
	// those that did not exist. After a failed commit they move to dirty, because the
	// file may have the change nevertheless.
	before, dirty map[documentKey]*factory.Document

	args []driver.Value // of a statement; reused

	mu      sync.Mutex
	visible int64         // seq of the last event that queries see
	changed chan struct{} // closed and replaced when visible grows
	closed  chan struct{}
}

type documentKey struct {
	kind factory.DocumentKind
	id   string
}

// journalWrite is one call of Write on its way through the committer.
type journalWrite struct {
	batch  factory.JournalBatch
	size   int
	result factory.JournalResult
	// refused is why the batch was not stored, although the commit succeeded.
	refused error
}

// readingBytes is the memory of a batch that counts as one reading in the queue.
const readingBytes = 64

func newJournal(o Options) *journal {
	return &journal{
		now: o.now, before: map[documentKey]*factory.Document{}, dirty: map[documentKey]*factory.Document{},
		changed: make(chan struct{}), closed: make(chan struct{}),
	}
}

// Write implements factory.Journal.
func (s *Store) Write(ctx context.Context, batch factory.JournalBatch) (factory.JournalResult, error) {
	if err := s.queue.Check(ctx, "write", 0); err != nil {
		return factory.JournalResult{}, err
	}
	batch, err := store.PrepareBatch(batch, s.options.now().UnixMilli())
	if err != nil {
		return factory.JournalResult{}, err
	}
	w := &journalWrite{batch: batch, size: store.BatchBytes(batch) / readingBytes}
	if err := s.queue.Check(ctx, "write", w.size); err != nil {
		return factory.JournalResult{}, err
	}
	if _, err := s.queue.Submit(ctx, "write", &request{Request: store.NewRequest(), batch: w}); err != nil {
		return factory.JournalResult{}, err
	}
	return w.result, nil
}

// load reads the seq of the last event.
func (j *journal) load(c *conn) (err error) {
	if j.lastSeq, err = c.queryInt("SELECT coalesce(max(seq), 0) FROM event"); err == nil {
		j.visible = j.lastSeq
	}
	return err
}

// publish makes the committed events visible and wakes those who wait for them.
func (j *journal) publish() {
	clear(j.before)
	if j.nextSeq <= j.lastSeq+1 {
		return
	}
	j.lastSeq = j.nextSeq - 1
	j.mu.Lock()
	defer j.mu.Unlock()
	j.visible = j.lastSeq
	close(j.changed)
	j.changed = make(chan struct{})
}

// close ends WaitEvents.
func (j *journal) close() { close(j.closed) }

// LastSeq implements factory.Journal.
func (s *Store) LastSeq(ctx context.Context) (int64, error) {
	if err := s.queue.Check(ctx, "query", 0); err != nil {
		return 0, err
	}
	j := s.committer.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.visible, nil
}

// WaitEvents implements factory.Journal.
func (s *Store) WaitEvents(ctx context.Context, after int64) error {
	j := s.committer.journal
	j.mu.Lock()
	visible, changed := j.visible, j.changed
	j.mu.Unlock()
	if s.queue.Closed() {
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

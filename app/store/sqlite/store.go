package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
)

// Store is the SQLite engine of factory.Store. Open makes it; its goroutines
// end in Close.
type Store struct {
	options   Options
	lock      *fileLock
	catalog   *catalog
	queue     *queue
	sealQueue *sealQueue
	faults    *faultState
	writer    *writer
	readers   *readPool
	committer *committer
	sealer    *sealer
	checker   *checker

	committing, background sync.WaitGroup
	stopBackground         chan struct{}

	// queryMu is held shared by each query, so that Close waits for them.
	queryMu       sync.RWMutex
	queriesClosed bool // Close was called

	closeOnce sync.Once
}

var _ factory.Store = (*Store)(nil)

// start runs the goroutines of the store: the committer ends once the queue is
// closed and empty, the sealer and the checker when stopSealing is closed.
// Close does both and waits.
func (s *Store) start() {
	s.committing.Go(s.committer.run)
	s.background.Go(func() { s.sealer.run(s.stopBackground) })
	s.background.Go(func() { s.checker.run(s.stopBackground) })
}

// Close implements factory.Store. It commits what is queued; points that are
// not sealed yet stay in the ingest log, from which the next Open has them.
func (s *Store) Close() (err error) {
	s.closeOnce.Do(func() {
		s.queue.close()
		s.committing.Wait()
		close(s.stopBackground)
		s.background.Wait()
		s.queryMu.Lock()
		s.queriesClosed = true
		s.queryMu.Unlock()
		_ = s.sealer.restoreBeforeClose() // what can't be written anew is reported by release
		_ = s.markClean()                 // else the next start checks the file
		err = s.release()
	})
	return err
}

// release closes all that Open opened.
func (s *Store) release() error {
	s.sealer.close()
	err := errors.Join(s.readers.close(), s.writer.close(), s.lock.unlock())
	if err != nil {
		return fmt.Errorf("close store %q: %w", s.options.Path, err)
	}
	return nil
}

// closed reports whether Close has got far enough that calls must be refused.
func (s *Store) closed() bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.closed
}

// Ready implements factory.Store.
func (s *Store) Ready() error {
	if s.closed() {
		return errClosed
	}
	if err := s.faults.commitFault(); err != nil {
		return err
	}
	if queued := s.queue.queued(); queued >= s.options.QueueReadings {
		return fmt.Errorf("%d readings are queued: %w", queued, factory.ErrOverloaded)
	}
	return s.sealer.checkCapacity()
}

// Stats implements factory.Store.
func (s *Store) Stats() factory.StoreStats {
	counters := &s.committer.counters
	return factory.StoreStats{
		Engine:            "sqlite",
		Series:            len(s.catalog.allSeries()),
		Machines:          s.catalog.countMachines(),
		Points:            counters.points.Load(),
		Commits:           counters.commits.Load(),
		CommitSeconds:     time.Duration(counters.total.Load()).Seconds(),
		LastCommitSeconds: time.Duration(counters.last.Load()).Seconds(),
		QueuedReadings:    s.queue.queued(),
		QueueCapacity:     s.options.QueueReadings,
		Bytes:             s.sealer.size.Load(),
		MaxBytes:          max(0, s.options.MaxBytes),
		ExpiredPoints:     s.sealer.maintenance.expired.Load(),
		EvictedPoints:     s.sealer.maintenance.evicted.Load(),
		QuarantinedChunks: int(s.sealer.maintenance.quarantined.Load()),
		Integrity:         s.checker.state(),
	}
}

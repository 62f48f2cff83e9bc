package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Store is the SQLite engine of factory.Store. Open returns it; Close ends its
// goroutines.
type Store struct {
	options   Options
	lock      *fileLock
	catalog   *catalog
	queue     *store.Queue[*request]
	sealQueue *sealQueue
	faults    *store.Faults
	writer    *writer
	readers   *readPool
	committer *committer
	sealer    *sealer
	checker   *checker

	committerDone, backgroundDone sync.WaitGroup
	stopBackground                chan struct{}

	// queryMu is read-locked by every query, so that Close waits for them.
	queryMu       sync.RWMutex
	queriesClosed bool

	closeOnce sync.Once
}

var _ factory.Store = (*Store)(nil)

// start runs the goroutines of the store. The committer ends when the queue is
// closed and empty, the sealer and the checker when stopBackground is closed;
// Close does both and waits.
func (s *Store) start() {
	s.committerDone.Go(s.committer.run)
	s.backgroundDone.Go(func() { s.sealer.run(s.stopBackground) })
	s.backgroundDone.Go(func() { s.checker.run(s.stopBackground) })
}

// Close implements factory.Store. It commits what is queued. Unsealed points
// stay in the ingest log, from which the next Open recovers them.
func (s *Store) Close() (err error) {
	s.closeOnce.Do(func() {
		s.queue.Close()
		s.committerDone.Wait()
		s.committer.journal.close()
		close(s.stopBackground)
		s.backgroundDone.Wait()
		s.queryMu.Lock()
		s.queriesClosed = true
		s.queryMu.Unlock()
		_ = s.sealer.restoreBeforeClose() // a failure shows in the next start
		_ = s.markClean()                 // without the mark, the next start checks the file
		err = s.release()
	})
	return err
}

// release closes everything that Open opened.
func (s *Store) release() error {
	s.sealer.close()
	err := errors.Join(s.readers.close(), s.writer.close(), s.lock.unlock())
	if err != nil {
		return fmt.Errorf("close store %q: %w", s.options.Path, err)
	}
	return nil
}

// Ready implements factory.Store.
func (s *Store) Ready() error {
	if s.queue.Closed() {
		return store.ErrClosed
	}
	if err := s.faults.Get(faultCommit); err != nil {
		return err
	}
	if err := s.queue.CheckFull(); err != nil {
		return err
	}
	return s.sealer.checkCapacity()
}

// Stats implements factory.Store.
func (s *Store) Stats() factory.StoreStats {
	stats := factory.StoreStats{
		Engine:            "sqlite",
		Series:            len(s.catalog.allSeries()),
		Machines:          s.catalog.countMachines(),
		QueuedReadings:    s.queue.Size(),
		QueueCapacity:     s.options.QueueReadings,
		Bytes:             s.sealer.size.Load(),
		MaxBytes:          max(0, s.options.MaxBytes),
		ExpiredPoints:     s.sealer.maintenance.expired.Load(),
		EvictedPoints:     s.sealer.maintenance.evicted.Load(),
		QuarantinedChunks: int(s.sealer.maintenance.quarantined.Load()),
		Integrity:         s.checker.state(),
	}
	s.committer.stats.Fill(&stats)
	return stats
}

// Lead implements factory.Store.
func (s *Store) Lead(ctx context.Context, run func(context.Context) error) error {
	return store.LeadAlone(ctx, s.committer.journal.closed, run)
}

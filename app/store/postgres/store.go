package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is the PostgreSQL engine of factory.Store, one per replica. Open makes
// it; its goroutines end in Close.
type Store struct {
	options      Options
	registryLock int64 // the key of lockGuard

	// Connections are in three pools, so that queries never keep commits
	// waiting, and neither keeps the watch.
	readPool, writePool, monitorPool *pgxpool.Pool

	registry   registryCache
	partitions partitionManager
	queue      *queue
	faults     faultState
	monitor    connMonitor
	leader     leader
	counters   counters

	committers, background sync.WaitGroup
	stopBackground         context.CancelFunc // of the watchers

	// asking is held shared by each query, so that Close waits for them.
	queryMu sync.RWMutex
	closed  bool // Close was called

	closeOnce sync.Once
}

var _ factory.Store = (*Store)(nil)

// Open connects to the database, migrates it where that is due, and reads the
// registry. A server that is not there yet is waited for, a while.
func Open(ctx context.Context, o Options) (*Store, error) {
	if _, _, err := Migrate(ctx, o); err != nil {
		return nil, err
	}
	s := &Store{options: o.withDefaults()}
	s.partitions.store, s.monitor.store, s.leader.store = s, s, s
	s.monitor.wakeup = make(chan struct{}, 1)
	s.faults.onFault = o.OnFault
	s.queue = newQueue(s.options.QueueReadings)
	if err := s.connect(ctx); err != nil {
		s.closePools()
		return nil, err
	}
	s.start() //nolint:contextcheck // what it starts ends in Close, not with the context of Open
	return s, nil
}

// connect makes the pools and reads what has to be known.
func (s *Store) connect(ctx context.Context) (err error) {
	writers := s.options.committers + 1
	for _, pool := range []struct {
		to     **pgxpool.Pool
		conns  int
		change func(map[string]string)
	}{
		{&s.writePool, writers, nil},
		{&s.monitorPool, 1, nil},
		{&s.readPool, s.options.MaxConns - writers - 2, forceIndexOrder}, // one is the leader's
	} {
		if *pool.to, err = s.options.newPool(ctx, pool.conns, pool.change); err != nil {
			return err
		}
	}
	err = s.inTransaction(ctx, s.writePool, readOnly, func(ctx context.Context, tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT "+lockKeySQL(lockRegistry)).Scan(&s.registryLock); err != nil {
			return err
		}
		if err := s.registry.load(ctx, tx, true); err != nil {
			return err
		}
		_, err := s.partitions.load(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if err := s.partitions.createAhead(ctx); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	return nil
}

// start runs the goroutines of the store: the committers end once the queue is
// closed and empty, the watchers when stop is called. Close does both and
// waits.
func (s *Store) start() {
	for range s.options.committers {
		c := &committer{store: s}
		s.committers.Go(c.run)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stopBackground = stop
	s.background.Go(func() { s.monitor.run(ctx) })
	s.background.Go(func() { s.leader.run(ctx) })
}

// Close implements factory.Store. It commits what is queued.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.queue.close()
		s.committers.Wait()
		s.stopBackground()
		s.background.Wait()
		s.queryMu.Lock()
		s.closed = true
		s.queryMu.Unlock()
		s.closePools()
	})
	return nil
}

// disconnect closes the pools, which nobody uses any more.
func (s *Store) closePools() {
	for _, pool := range []*pgxpool.Pool{s.readPool, s.writePool, s.monitorPool} {
		if pool != nil {
			pool.Close()
		}
	}
}

// begin says why a call other than Append must not begin, if so; otherwise
// the caller must call end.
func (s *Store) beginQuery(ctx context.Context) (end func(), err error) {
	s.queryMu.RLock()
	switch {
	case s.closed:
		err = errClosed
	case ctx.Err() != nil:
		err = unavailable("query", ctx.Err())
	default:
		return s.queryMu.RUnlock, nil
	}
	s.queryMu.RUnlock()
	return nil, err
}

// Ready implements factory.Store.
func (s *Store) Ready() error {
	queued, closed := s.queue.queued()
	if closed {
		return errClosed
	}
	for _, part := range []int{faultConnection, faultCommit} {
		if err := s.faults.get(part); err != nil {
			return err
		}
	}
	if queued >= s.options.QueueReadings {
		return fmt.Errorf("%d readings are queued: %w", queued, factory.ErrOverloaded)
	}
	return nil
}

// Stats implements factory.Store. Series, machines and bytes are those of the
// database, the other figures those of this replica.
func (s *Store) Stats() factory.StoreStats {
	series, machines := s.registry.counts()
	queued, _ := s.queue.queued()
	return factory.StoreStats{
		Engine:            "postgres",
		Series:            series,
		Machines:          machines,
		Points:            s.counters.points.Load(),
		Commits:           s.counters.commits.Load(),
		CommitSeconds:     time.Duration(s.counters.total.Load()).Seconds(),
		LastCommitSeconds: time.Duration(s.counters.last.Load()).Seconds(),
		QueuedReadings:    queued,
		QueueCapacity:     s.options.QueueReadings,
		Bytes:             s.monitor.bytes.Load(),
		MaxBytes:          s.options.MaxBytes,
		ExpiredPoints:     s.counters.expired.Load(),
		EvictedPoints:     s.counters.evicted.Load(),
		Integrity:         factory.IntegrityUnchecked,
	}
}

// Leading reports whether this replica is the one that runs the timers of all.
func (s *Store) Leading() bool { return s.leader.leading.Load() }

// Backup implements factory.Store: the server has its own means.
func (s *Store) Backup(context.Context, string) error {
	return fmt.Errorf("back up PostgreSQL with pg_dump or pg_basebackup: %w", factory.ErrInvalid)
}

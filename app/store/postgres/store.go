package postgres

import (
	"context"
	"fmt"
	"sync"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is the PostgreSQL engine of factory.Store; each replica opens one. Its
// goroutines start in Open and have ended when Close returns.
type Store struct {
	options      Options
	registryLock int64 // key of lockRegistry

	// Three pools, so that slow queries delay neither commits nor the monitor.
	readPool, writePool, monitorPool *pgxpool.Pool

	registry    registryCache
	registering sync.Mutex // held by a committer that registers series
	partitions  partitionManager
	queue       *store.Queue[*request]
	journal     *journal
	faults      *store.Faults
	monitor     connMonitor
	leader      leader
	counters    counters

	committers, background sync.WaitGroup
	stopBackground         context.CancelFunc

	// queryMu is held shared during each call, so that Close can wait for them.
	queryMu sync.RWMutex
	closed  bool // Close was called

	closeOnce sync.Once
}

var _ factory.Store = (*Store)(nil)

// Open connects to the database, applies pending migrations and reads the
// registry. It waits a limited time for a server that is not reachable yet.
func Open(ctx context.Context, o Options) (*Store, error) {
	if _, _, err := Migrate(ctx, o); err != nil {
		return nil, err
	}
	s := &Store{options: o.withDefaults()}
	s.partitions.store, s.monitor.store, s.leader.store = s, s, s
	s.monitor.wakeup = make(chan struct{}, 1)
	s.faults = store.NewFaults(faultParts, o.OnFault)
	s.queue = store.NewQueue[*request](s.options.QueueReadings, "readings")
	s.journal = newJournal(s)
	if err := s.connect(ctx); err != nil {
		s.closePools()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.start() //nolint:contextcheck // what it starts ends in Close, not with the context of Open
	return s, nil
}

// connect opens the pools, reads the registry and the list of partitions, and
// creates the partitions that will be needed soon.
func (s *Store) connect(ctx context.Context) (err error) {
	writers := s.options.committers + 1
	for _, p := range []struct {
		pool      **pgxpool.Pool
		maxConns  int
		configure func(map[string]string)
	}{
		{&s.writePool, writers, nil},
		{&s.monitorPool, 1, nil},
		{&s.readPool, s.options.MaxConns - writers - 3, forceIndexOrder}, // three: of the monitor, the leader and notifications
	} {
		if *p.pool, err = s.options.newPool(ctx, p.maxConns, p.configure); err != nil {
			return err
		}
	}
	err = s.inTransaction(ctx, s.writePool, readOnly, func(ctx context.Context, tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT "+lockKeySQL(lockRegistry)).Scan(&s.registryLock); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT 'smart_factory_' || md5(current_schema())").Scan(&s.journal.channel); err != nil {
			return err
		}
		if err := s.registry.load(ctx, tx, true); err != nil {
			return err
		}
		_, err := s.partitions.load(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	return s.partitions.createAhead(ctx)
}

// start starts the goroutines of the store. The committers end when their queue
// is closed and empty, the others when stopBackground is called. Close does
// both and waits for all of them.
func (s *Store) start() {
	for range s.options.committers {
		c := &committer{store: s}
		s.committers.Go(c.run)
	}
	s.committers.Go(s.journal.run)
	ctx, stop := context.WithCancel(context.Background())
	s.stopBackground = stop
	s.background.Go(func() { s.journal.listen(ctx) })
	s.background.Go(func() { s.monitor.run(ctx) })
	s.background.Go(func() { s.leader.run(ctx) })
}

// Close implements factory.Store. It commits the queued readings and waits for
// running queries.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.queue.Close()
		s.journal.queue.Close()
		s.committers.Wait()
		close(s.journal.closed)
		s.stopBackground()
		s.background.Wait()
		s.queryMu.Lock()
		s.closed = true
		s.queryMu.Unlock()
		s.closePools()
	})
	return nil
}

// closePools closes the pools that were opened. No connection may be in use.
func (s *Store) closePools() {
	for _, pool := range []*pgxpool.Pool{s.readPool, s.writePool, s.monitorPool} {
		if pool != nil {
			pool.Close()
		}
	}
}

// Ready implements factory.Store.
func (s *Store) Ready() error {
	if s.queue.Closed() {
		return store.ErrClosed
	}
	for _, part := range []int{faultConnection, faultCommit} {
		if err := s.faults.Get(part); err != nil {
			return err
		}
	}
	if err := s.queue.CheckFull(); err != nil {
		return err
	}
	return s.journal.queue.CheckFull()
}

// Stats implements factory.Store. Series, machines and bytes describe the
// database, all other figures this replica.
func (s *Store) Stats() factory.StoreStats {
	series, machines := s.registry.counts()
	stats := factory.StoreStats{
		Engine:         "postgres",
		Series:         series,
		Machines:       machines,
		QueuedReadings: s.queue.Size(),
		QueueCapacity:  s.options.QueueReadings,
		Bytes:          s.monitor.bytes.Load(),
		MaxBytes:       s.options.MaxBytes,
		ExpiredPoints:  s.counters.expired.Load(),
		EvictedPoints:  s.counters.evicted.Load(),
		Integrity:      factory.IntegrityUnchecked,
	}
	s.counters.Fill(&stats)
	return stats
}

// Leading reports whether this replica is the leader.
func (s *Store) Leading() bool { return s.leader.leading.Load() }

// Backup implements factory.Store. It always returns ErrInvalid: PostgreSQL has
// its own backup tools.
func (s *Store) Backup(context.Context, string) error {
	return fmt.Errorf("back up PostgreSQL with pg_dump or pg_basebackup: %w", factory.ErrInvalid)
}

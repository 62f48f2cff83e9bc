package postgres

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// leader makes one replica do the maintenance for all. The leader is the
// replica whose connection holds lockLeader. It does all maintenance on that
// connection, so it stops when the server gives the lock to another replica.
type leader struct {
	store   *Store
	leading atomic.Bool
	state   maintenanceState
	// round is locked during a maintenance round and counts the completed ones.
	round struct {
		sync.Mutex
		completed int
	}
}

// run tries to become the leader, again and again until ctx ends.
func (l *leader) run(ctx context.Context) {
	for {
		err := l.lead(ctx)
		if l.leading.Swap(false) {
			l.store.options.reportEvent(store.Event{Kind: EventFollowing, Err: err})
		}
		retry := time.NewTimer(l.store.options.pollInterval)
		select {
		case <-ctx.Done():
			retry.Stop()
			return
		case <-retry.C:
		}
	}
}

// lead waits for the leader's lock, then does maintenance until ctx ends or the
// connection is lost. It polls for the lock: a statement that waits for it
// would hold back the server's vacuum.
func (l *leader) lead(ctx context.Context) (err error) {
	defer store.RecoverAs(&err)
	s := l.store
	if s.faults.Get(faultConnection) != nil {
		return nil // the monitor is reconnecting
	}
	config, err := s.options.connConfig()
	if err != nil {
		return err
	}
	// Maintenance statements may run longer than queries.
	timeout := strconv.FormatInt(maintenanceTimeout.Milliseconds(), 10)
	config.RuntimeParams["statement_timeout"] = timeout
	config.RuntimeParams["idle_in_transaction_session_timeout"] = timeout
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn, responseGrace)
	if err := requireSynchronousCommit(ctx, conn); err != nil {
		return err
	}
	poll := time.NewTicker(s.options.pollInterval)
	defer poll.Stop()
	for {
		locked, err := l.tryLock(ctx, conn)
		if err != nil {
			return err
		}
		if locked {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		}
	}
	l.state = maintenanceState{}
	l.leading.Store(true)
	s.options.reportEvent(store.Event{Kind: EventLeading})
	return l.runRounds(ctx, conn)
}

// tryLock reports whether conn now holds the leader's lock.
func (l *leader) tryLock(ctx context.Context, conn *pgx.Conn) (locked bool, err error) {
	ctx, cancel := l.store.options.statementContext(ctx)
	defer cancel()
	err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+lockKeySQL(lockLeader)+")").Scan(&locked)
	return locked, err
}

// runRounds does maintenance periodically until ctx ends or the connection, and
// with it the lock, is lost.
func (l *leader) runRounds(ctx context.Context, conn *pgx.Conn) error {
	s := l.store
	next := time.NewTicker(s.options.maintenanceInterval)
	defer next.Stop()
	ping := time.NewTicker(s.options.pollInterval)
	defer ping.Stop()
	for {
		l.round.Lock()
		err := s.runMaintenance(ctx, conn, &l.state)
		l.round.completed++
		l.round.Unlock()
		if ctx.Err() != nil {
			return nil
		}
		if conn.IsClosed() || isConnectionError(err) {
			return errors.Join(err, errors.New("the connection is lost"))
		}
		s.faults.Set(faultMaintenance, err)
	waiting:
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-next.C:
				break waiting
			case <-ping.C:
				if err := l.ping(ctx, conn); err != nil {
					return err
				}
			}
		}
	}
}

func (l *leader) ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := l.store.options.statementContext(ctx)
	defer cancel()
	return conn.Ping(ctx)
}

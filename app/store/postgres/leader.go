package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// leader makes one replica of all run the timers. The one whose connection
// holds the lock leads; all that it does in that office it does on that very
// connection, so that it can't go on once the server has given the lock to
// another.
type leader struct {
	store   *Store
	leading atomic.Bool
	// known is what a leader remembers between its rounds.
	state maintenanceState
	// round is held during a round and counts those that are over, so that a
	// test's own takes turns with them.
	round struct {
		sync.Mutex
		over int
	}
}

// run tries to lead until ctx ends.
func (l *leader) run(ctx context.Context) {
	for {
		err := l.lead(ctx)
		if l.leading.Swap(false) {
			l.store.options.event(Event{Kind: EventFollowing, Err: err})
		}
		wait := time.NewTimer(l.store.options.pollEvery)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// lead waits for the lock and works while it has it. Another replica's lead
// shows by polling: a statement that waits would hold up the server's vacuum.
func (l *leader) lead(ctx context.Context) (err error) {
	defer recoverAs(&err)
	s := l.store
	if s.faults.get(faultConnection) != nil {
		return nil // the link looks after it
	}
	config, err := s.options.connConfig()
	if err != nil {
		return err
	}
	// Removing what has expired takes longer than a query may.
	config.RuntimeParams["statement_timeout"] = fmt.Sprint(maintenanceTimeout.Milliseconds())
	config.RuntimeParams["idle_in_transaction_session_timeout"] = fmt.Sprint(maintenanceTimeout.Milliseconds())
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn, responseGrace)
	if err := requireSynchronousCommit(ctx, conn); err != nil {
		return err
	}
	poll := time.NewTicker(s.options.pollEvery)
	defer poll.Stop()
	for {
		got, err := l.tryLock(ctx, conn)
		if err != nil {
			return err
		}
		if got {
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
	s.options.event(Event{Kind: EventLeading})
	return l.runRounds(ctx, conn)
}

// try asks for the lock, which may be had already.
func (l *leader) tryLock(ctx context.Context, conn *pgx.Conn) (got bool, err error) {
	ctx, cancel := l.store.options.statementContext(ctx)
	defer cancel()
	err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+lockKeySQL(lockLeader)+")").Scan(&got)
	return got, err
}

// work does a round of upkeep now and then until ctx ends or the connection,
// and with it the lead, is lost.
func (l *leader) runRounds(ctx context.Context, conn *pgx.Conn) error {
	s := l.store
	round := time.NewTicker(s.options.upkeepEvery)
	defer round.Stop()
	alive := time.NewTicker(s.options.pollEvery)
	defer alive.Stop()
	for {
		l.round.Lock()
		err := s.runMaintenance(ctx, conn, &l.state)
		l.round.over++
		l.round.Unlock()
		if ctx.Err() != nil {
			return nil
		}
		if conn.IsClosed() || isConnectionError(err) {
			return errors.Join(err, errors.New("the connection is lost"))
		}
		s.faults.set(faultMaintenance, err)
	waiting:
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-round.C:
				break waiting
			case <-alive.C:
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

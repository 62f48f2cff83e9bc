package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// link watches whether the server is there. While it is not, calls are
// answered with ErrUnavailable at once instead of each finding out by itself.
type connMonitor struct {
	store    *Store
	wakeup   chan struct{} // has a token when the server is to be asked now
	bytes    atomic.Int64  // of the tables, as the leader has measured
	diskFull bool          // the disk was, and it has not been found otherwise; of run
}

// suspect is called with an error of a connection.
func (l *connMonitor) reportError(err error) {
	l.store.faults.set(faultConnection, fmt.Errorf("database: %w: %w", factory.ErrUnavailable, err))
	l.wake()
}

// ask has the server asked soon.
func (l *connMonitor) wake() {
	select {
	case l.wakeup <- struct{}{}:
	default:
	}
}

// run looks at the server until ctx ends.
func (l *connMonitor) run(ctx context.Context) {
	tick := time.NewTicker(l.store.options.pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.wakeup:
		}
		err := l.guarded(ctx)
		if ctx.Err() != nil {
			return
		}
		s := l.store
		if err == nil {
			s.faults.set(faultConnection, nil)
			continue
		}
		s.readPool.Reset()
		s.writePool.Reset()
		s.faults.set(faultConnection, fmt.Errorf("database: %w: %w", factory.ErrUnavailable, err))
	}
}

// growable tries whether files can grow, by a table of a megabyte that nobody
// gets to see: on a full disk a small change may still find room in its page.
func probeFileGrowth(ctx context.Context, conn *pgxpool.Conn) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "CREATE TABLE disk_probe AS SELECT repeat('x', 1000) AS filler FROM generate_series(1, 1000)")
	return errors.Join(err, tx.Rollback(ctx))
}

func (l *connMonitor) guarded(ctx context.Context) (err error) {
	defer recoverAs(&err)
	return l.check(ctx)
}

// look asks the server, follows the registry, and after a fault tries whether
// writing works.
func (l *connMonitor) check(ctx context.Context) error {
	s := l.store
	ctx, cancel := context.WithTimeout(ctx, s.options.ConnectTimeout+responseGrace)
	defer cancel()
	away := s.faults.get(faultConnection) != nil
	failing := s.faults.get(faultCommit)
	conn, err := s.monitorPool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if away || failing != nil {
		_, err := conn.Exec(ctx, "UPDATE upkeep_state SET beat = beat + 1")
		if l.diskFull = l.diskFull || sqlState(failing) == codeDiskFull; l.diskFull && err == nil {
			err = probeFileGrowth(ctx, conn)
			l.diskFull = err != nil
		}
		switch {
		case isConnectionError(err):
			return err
		case err != nil:
			s.faults.set(faultCommit, unavailable("commit", err))
		default:
			s.faults.set(faultCommit, nil)
		}
	}
	var version, bytes int64
	err = conn.QueryRow(ctx, "SELECT c.version, u.bytes FROM catalog_state c, upkeep_state u").Scan(&version, &bytes)
	if err != nil {
		return err
	}
	l.bytes.Store(bytes)
	if !away && version == s.registry.currentVersion() {
		return nil
	}
	// After an outage the server may have another past than before.
	return pgx.BeginTxFunc(ctx, conn, readOnly, func(tx pgx.Tx) error {
		if err := s.registry.load(ctx, tx, away); err != nil {
			return err
		}
		_, err := s.partitions.load(ctx, tx)
		return err
	})
}

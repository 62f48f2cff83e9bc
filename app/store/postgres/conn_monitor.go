package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connMonitor checks whether the server can be reached and accepts writes.
// While it does not, calls return ErrUnavailable at once instead of each
// waiting for its own timeout.
type connMonitor struct {
	store    *Store
	wakeup   chan struct{} // has a token when a check is due now
	bytes    atomic.Int64  // size of the tables, as the leader last measured it
	diskFull bool          // the disk was full and has not been probed successfully since; used by run only
}

// reportError marks the server unavailable because of an error on a connection,
// and schedules a check.
func (m *connMonitor) reportError(err error) {
	m.setUnavailable(err)
	m.wake()
}

func (m *connMonitor) setUnavailable(err error) {
	m.store.faults.Set(faultConnection, fmt.Errorf("database: %w: %w", factory.ErrUnavailable, err))
}

// wake makes run check the server now. It does not block.
func (m *connMonitor) wake() {
	select {
	case m.wakeup <- struct{}{}:
	default:
	}
}

// run checks the server periodically, and after wake, until ctx ends.
func (m *connMonitor) run(ctx context.Context) {
	tick := time.NewTicker(m.store.options.pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.wakeup:
		}
		err := m.check(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			m.store.faults.Set(faultConnection, nil)
		default:
			m.store.readPool.Reset()
			m.store.writePool.Reset()
			m.setUnavailable(err)
		}
	}
}

// check queries the server and updates the registry cache. After a fault it
// also tests whether writes succeed.
func (m *connMonitor) check(ctx context.Context) (err error) {
	defer store.RecoverAs(&err)
	s := m.store
	ctx, cancel := context.WithTimeout(ctx, s.options.ConnectTimeout+responseGrace)
	defer cancel()
	wasUnavailable := s.faults.Get(faultConnection) != nil
	commitErr := s.faults.Get(faultCommit)
	conn, err := s.monitorPool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if wasUnavailable || commitErr != nil {
		err := m.probeWrite(ctx, conn, commitErr)
		switch {
		case isConnectionError(err):
			return err
		case err != nil:
			s.faults.Set(faultCommit, store.Unavailable("commit", err))
		default:
			s.faults.Set(faultCommit, nil)
		}
	}
	var version, bytes int64
	err = conn.QueryRow(ctx, "SELECT c.version, u.bytes FROM catalog_state c, upkeep_state u").Scan(&version, &bytes)
	if err != nil {
		return err
	}
	m.bytes.Store(bytes)
	if !wasUnavailable && version == s.registry.currentVersion() {
		return nil
	}
	// Reload everything after an outage: a failover may have lost commits.
	return pgx.BeginTxFunc(ctx, conn, readOnly, func(tx pgx.Tx) error {
		if err := s.registry.load(ctx, tx, wasUnavailable); err != nil {
			return err
		}
		_, err := s.partitions.load(ctx, tx)
		return err
	})
}

// probeWrite tests whether the server accepts writes. commitErr is the current
// fault of commits, if any.
func (m *connMonitor) probeWrite(ctx context.Context, conn *pgxpool.Conn, commitErr error) error {
	_, err := conn.Exec(ctx, "UPDATE upkeep_state SET beat = beat + 1")
	m.diskFull = m.diskFull || sqlState(commitErr) == codeDiskFull
	if m.diskFull && err == nil {
		err = probeFileGrowth(ctx, conn)
		m.diskFull = err != nil
	}
	return err
}

// probeFileGrowth tests whether files can grow, by creating a table of 1 MB and
// rolling back. On a full disk a small update may still fit into its page.
func probeFileGrowth(ctx context.Context, conn *pgxpool.Conn) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "CREATE TABLE disk_probe AS SELECT repeat('x', 1000) AS filler FROM generate_series(1, 1000)")
	return errors.Join(err, tx.Rollback(ctx))
}

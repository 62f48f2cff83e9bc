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
type link struct {
	store *Store
	kick  chan struct{} // has a token when the server is to be asked now
	bytes atomic.Int64  // of the tables, as the leader has measured
	full  bool          // the disk was, and it has not been found otherwise; of run
}

// suspect is called with an error of a connection.
func (l *link) suspect(err error) {
	l.store.faults.set(faultLink, fmt.Errorf("database: %w: %w", factory.ErrUnavailable, err))
	l.ask()
}

// ask has the server asked soon.
func (l *link) ask() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// run looks at the server until ctx ends.
func (l *link) run(ctx context.Context) {
	tick := time.NewTicker(l.store.options.pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.kick:
		}
		err := l.guarded(ctx)
		if ctx.Err() != nil {
			return
		}
		s := l.store
		if err == nil {
			s.faults.set(faultLink, nil)
			continue
		}
		s.reading.Reset()
		s.writing.Reset()
		s.faults.set(faultLink, fmt.Errorf("database: %w: %w", factory.ErrUnavailable, err))
	}
}

// growable tries whether files can grow, by a table of a megabyte that nobody
// gets to see: on a full disk a small change may still find room in its page.
func growable(ctx context.Context, conn *pgxpool.Conn) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "CREATE TABLE disk_probe AS SELECT repeat('x', 1000) AS filler FROM generate_series(1, 1000)")
	return errors.Join(err, tx.Rollback(ctx))
}

func (l *link) guarded(ctx context.Context) (err error) {
	defer recoverAs(&err)
	return l.look(ctx)
}

// look asks the server, follows the registry, and after a fault tries whether
// writing works.
func (l *link) look(ctx context.Context) error {
	s := l.store
	ctx, cancel := context.WithTimeout(ctx, s.options.ConnectTimeout+silence)
	defer cancel()
	away := s.faults.get(faultLink) != nil
	failing := s.faults.get(faultCommit)
	conn, err := s.watching.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if away || failing != nil {
		_, err := conn.Exec(ctx, "UPDATE upkeep_state SET beat = beat + 1")
		if l.full = l.full || sqlState(failing) == codeDiskFull; l.full && err == nil {
			err = growable(ctx, conn)
			l.full = err != nil
		}
		switch {
		case linkBroken(err):
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
	if !away && version == s.catalog.at() {
		return nil
	}
	// After an outage the server may have another past than before.
	return pgx.BeginTxFunc(ctx, conn, readOnly, func(tx pgx.Tx) error {
		if err := s.catalog.load(ctx, tx, away); err != nil {
			return err
		}
		_, err := s.partitions.load(ctx, tx)
		return err
	})
}

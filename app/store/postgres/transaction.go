package postgres

import (
	"context"
	"errors"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Kinds of transaction.
var (
	readWrite = pgx.TxOptions{}
	// readOnly sees one state of the database from its first statement on.
	readOnly = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
)

// inTransaction runs f in a transaction of a connection from the pool and
// commits. Each wait in it is bounded: for a connection, for the server's
// answer to each statement by the server's own timeout, and for all of it by
// ctx. Where the connection turns out to be broken before the commit was
// sent, it is done once more on a new one; f must allow that.
func (s *Store) inTransaction(ctx context.Context, pool *pgxpool.Pool, kind pgx.TxOptions, f func(context.Context, pgx.Tx) error) error {
	committing, err := s.runTransaction(ctx, pool, kind, f)
	if !isConnectionError(err) || ctx.Err() != nil {
		return err
	}
	if !committing {
		pool.Reset()
		if _, err = s.runTransaction(ctx, pool, kind, f); !isConnectionError(err) || ctx.Err() != nil {
			return err
		}
	}
	s.monitor.reportError(err)
	return err
}

func (s *Store) runTransaction(ctx context.Context, pool *pgxpool.Pool, kind pgx.TxOptions, f func(context.Context, pgx.Tx) error) (committing bool, err error) {
	conn, err := s.acquire(ctx, pool)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	tx, err := beginTx(ctx, &s.options, conn, kind)
	if err != nil {
		return false, err
	}
	defer func() {
		if !committing { // after a commit there is nothing to roll back
			rolling, cancel := context.WithTimeout(context.WithoutCancel(ctx), responseGrace)
			defer cancel()
			_ = tx.Rollback(rolling) // a connection that can't is closed
		}
	}()
	if err := f(ctx, tx); err != nil {
		return false, err
	}
	bounded, cancel := s.options.statementContext(ctx)
	defer cancel()
	committing = true
	commit := func() error { return tx.Commit(bounded) }
	if s.options.aroundCommit != nil && kind == readWrite {
		return true, s.options.aroundCommit(commit)
	}
	return true, commit()
}

func beginTx(ctx context.Context, o *Options, conn *pgxpool.Conn, kind pgx.TxOptions) (pgx.Tx, error) {
	ctx, cancel := o.statementContext(ctx)
	defer cancel()
	return conn.BeginTx(ctx, kind)
}

// acquire takes a connection out of the pool.
func (s *Store) acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, s.options.ConnectTimeout+responseGrace)
	defer cancel()
	conn, err := pool.Acquire(waiting)
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	if stat := pool.Stat(); errors.Is(err, context.DeadlineExceeded) && stat.AcquiredConns() == stat.MaxConns() {
		return nil, errPoolExhausted
	}
	return nil, err
}

// query is inTransaction for the questions that callers ask: it names what was
// done, and gives the error its kind.
func (s *Store) query(ctx context.Context, doing string, f func(context.Context, pgx.Tx) error) error {
	if err := s.faults.get(faultConnection); err != nil {
		return err
	}
	return s.withKind(doing, s.inTransaction(ctx, s.readPool, readOnly, f))
}

// kindOf gives an error that has no kind yet that of ErrUnavailable.
func (s *Store) withKind(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range []error{
		factory.ErrInvalid, factory.ErrNotFound, factory.ErrConflict, factory.ErrPrecondition,
		factory.ErrOverloaded, factory.ErrUnavailable,
	} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return unavailable(doing, err)
}

package postgres

import (
	"context"
	"errors"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Transaction options.
var (
	readWrite = pgx.TxOptions{}
	// readOnly sees a single snapshot of the database.
	readOnly = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
)

// querier is a transaction or a connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// query runs f in a read-only transaction for a public method. An error names
// the operation and has a kind of package factory; the result is then the zero
// T. f may run twice.
func query[T any](ctx context.Context, s *Store, operation string, f func(context.Context, pgx.Tx) (T, error)) (result T, err error) {
	err = s.call(ctx, operation, func() error {
		return s.inTransaction(ctx, s.readPool, readOnly, func(ctx context.Context, tx pgx.Tx) (err error) {
			result, err = f(ctx, tx)
			return err
		})
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return result, nil
}

// updateRegistry runs f as inRegistryTransaction does, for a public method.
func (s *Store) updateRegistry(ctx context.Context, operation string, f func(ctx context.Context, tx pgx.Tx, next int64) (registryChange, error)) error {
	return s.call(ctx, operation, func() error { return s.inRegistryTransaction(ctx, f, nil) })
}

// call runs a public method other than Append. It refuses at once if the store
// is closed, ctx has ended, or the server is unavailable; Close waits for f.
func (s *Store) call(ctx context.Context, operation string, f func() error) error {
	s.queryMu.RLock()
	defer s.queryMu.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return store.Unavailable(operation, err)
	}
	if err := s.faults.Get(faultConnection); err != nil {
		return err
	}
	return withKind(operation, f())
}

// inTransaction runs f in a transaction on a connection from the pool, and
// commits. ctx bounds all of it, and each wait is bounded: for a connection by
// the connect timeout, for each statement by the server's timeout. If the
// connection breaks before the commit is sent, inTransaction retries once on a
// new connection, so f must allow that.
func (s *Store) inTransaction(ctx context.Context, pool *pgxpool.Pool, kind pgx.TxOptions, f func(context.Context, pgx.Tx) error) error {
	committing, err := s.runTransaction(ctx, pool, kind, f)
	if !isConnectionError(err) || ctx.Err() != nil {
		return err
	}
	if !committing {
		pool.Reset()
		_, retryErr := s.runTransaction(ctx, pool, kind, f)
		switch {
		case errors.Is(retryErr, errPoolExhausted):
			// The first error says why the other callers hold the connections.
		case !isConnectionError(retryErr) || ctx.Err() != nil:
			return retryErr
		default:
			err = retryErr
		}
	}
	s.monitor.reportError(err)
	return err
}

// runTransaction is one attempt of inTransaction. committing reports whether
// the commit was sent.
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
		if !committing { // a commit leaves nothing to roll back
			rollbackCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), responseGrace)
			defer cancel()
			_ = tx.Rollback(rollbackCtx) // closes the connection if it fails
		}
	}()
	if err := f(ctx, tx); err != nil {
		return false, err
	}
	commitCtx, cancel := s.options.statementContext(ctx)
	defer cancel()
	committing = true
	commit := func() error { return tx.Commit(commitCtx) }
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

// acquire takes a connection from the pool. It returns errPoolExhausted if none
// becomes free in time.
func (s *Store) acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	acquireCtx, cancel := context.WithTimeout(ctx, s.options.ConnectTimeout+responseGrace)
	defer cancel()
	conn, err := pool.Acquire(acquireCtx)
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	if stat := pool.Stat(); errors.Is(err, context.DeadlineExceeded) && stat.AcquiredConns() == stat.MaxConns() {
		return nil, errPoolExhausted
	}
	return nil, err
}

// withKind returns err if it has a kind of package factory, else an error of
// the kind ErrUnavailable that wraps it.
func withKind(operation string, err error) error {
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
	return store.Unavailable(operation, err)
}

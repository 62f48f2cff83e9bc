package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Dropping a partition locks the whole table reading, so everybody else waits
// behind it while it waits for running queries. It therefore gives up soon and
// retries.
const (
	dropLockTimeout = 100 * time.Millisecond
	maxDropAttempts = 20
	dropRetryDelay  = 250 * time.Millisecond
)

// dropPartition drops a partition if allowed returns true. allowed runs in the
// same transaction, while no replica appends or changes the registry.
func (s *Store) dropPartition(ctx context.Context, conn *pgx.Conn, p partition, allowed func(context.Context, pgx.Tx) (bool, error)) (dropped bool, err error) {
	delay := time.NewTimer(dropRetryDelay)
	defer delay.Stop()
	for attempt := 1; ; attempt++ {
		dropped, err = s.tryDropPartition(ctx, conn, p, allowed)
		if !isRetryable(err) || attempt == maxDropAttempts {
			break
		}
		delay.Reset(dropRetryDelay)
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-delay.C:
		}
	}
	if dropped {
		err = s.partitions.refresh(ctx)
	}
	return dropped, err
}

func (s *Store) tryDropPartition(ctx context.Context, conn *pgx.Conn, p partition, allowed func(context.Context, pgx.Tx) (bool, error)) (dropped bool, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lockExclusiveWithin(ctx, tx, dropLockTimeout, lockPartitions, lockRegistry); err != nil {
			return err
		}
		var exists bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM reading_partition WHERE start = $1 AND finish = $2)", p.start, p.end).Scan(&exists)
		if err != nil || !exists {
			return err
		}
		if dropped, err = allowed(ctx, tx); err != nil || !dropped {
			return err
		}
		if _, err := tx.Exec(ctx, "DROP TABLE "+p.table()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM reading_partition WHERE start = $1", p.start)
		return err
	})
	return dropped && err == nil, err
}

// dropWithPoints is dropPartition for a partition that may still have points.
// It returns their number if the partition was dropped, else 0.
func (s *Store) dropWithPoints(ctx context.Context, conn *pgx.Conn, p partition, allowed func(context.Context, pgx.Tx) (bool, error)) (points uint64, err error) {
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+p.table()).Scan(&points); err != nil {
		return 0, err
	}
	// The rollups are deleted first, to shorten the time in which appends wait.
	err = inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM rollup WHERE start >= $1 AND start < $2", p.start, p.end)
		return err
	})
	if err != nil {
		return 0, err
	}
	dropped, err := s.dropPartition(ctx, conn, p, allowed)
	if !dropped {
		points = 0
	}
	return points, err
}

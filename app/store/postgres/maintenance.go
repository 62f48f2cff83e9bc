package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// upkeepTimeout bounds each statement of upkeep.
const maintenanceTimeout = 10 * time.Minute

// memory is what the leader remembers from round to round; an empty one costs
// work, not correctness.
type maintenanceState struct {
	// removed is, by series with a retention of its own, the time before which
	// its readings have been removed.
	deletedBefore map[int64]int64
	// vacuumed is when a partition was last vacuumed.
	vacuumed map[string]time.Time
	// near and helpless say what was reported of the size.
	nearLimit, nothingToEvict bool
	rollups                   rollupState
}

// upkeep does what is due: partitions for the days to come, what was purged,
// what has expired, what is too much. Each part is done whatever becomes of
// the others, as long as the connection holds.
func (s *Store) runMaintenance(ctx context.Context, conn *pgx.Conn, m *maintenanceState) (err error) {
	defer recoverAs(&err)
	if m.deletedBefore == nil {
		m.deletedBefore, m.vacuumed = make(map[int64]int64), make(map[string]time.Time)
	}
	if err := s.partitions.refresh(ctx); err != nil {
		return fmt.Errorf("upkeep: %w", err)
	}
	var errs []error
	for _, part := range []struct {
		name string
		do   func(context.Context, *pgx.Conn, *maintenanceState) error
	}{
		{"make partitions ahead", func(ctx context.Context, _ *pgx.Conn, _ *maintenanceState) error {
			return s.partitions.createAhead(ctx)
		}},
		{"remove purged readings", s.deletePurged},
		{"remove expired readings", s.deleteExpired},
		{"keep the size limit", s.enforceSizeLimit},
		{"roll up", s.updateRollups},
		{"vacuum past partitions", s.vacuumPastPartitions},
	} {
		if err := part.do(ctx, conn, m); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part.name, err))
			if conn.IsClosed() || ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// removePurged removes the readings of series that are gone.
func (s *Store) deletePurged(ctx context.Context, conn *pgx.Conn, _ *maintenanceState) error {
	rows, err := conn.Query(ctx, "SELECT id FROM purged_series LIMIT 1000")
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(ids) == 0 {
		return err
	}
	for _, p := range s.partitions.layout() {
		if _, err := conn.Exec(ctx, "DELETE FROM "+p.table()+" WHERE series_id = ANY($1)", ids); err != nil {
			return err
		}
	}
	return inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		for _, table := range []string{"rollup WHERE series_id", "rollup_due WHERE series_id", "purged_series WHERE id"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" = ANY($1)", ids); err != nil {
				return err
			}
		}
		return nil
	})
}

// table is the partition's name as SQL has it.
func (p partition) table() string { return pgx.Identifier{p.name()}.Sanitize() }

// Bounds of how a partition is dropped. Who reads or writes waits for it
// behind the readers that it waits for, so it does not wait long, but tries
// again.
const (
	dropLockTimeout = 100 * time.Millisecond
	maxDropAttempts = 20
	dropRetryDelay  = 250 * time.Millisecond
)

// drop drops a partition if allowed, which is asked while nobody appends or
// changes the catalog, agrees, and reports whether it did.
func (s *Store) dropPartition(ctx context.Context, conn *pgx.Conn, p partition, allowed func(context.Context, pgx.Tx) (bool, error)) (dropped bool, err error) {
	pause := time.NewTimer(dropRetryDelay)
	defer pause.Stop()
	for attempt := 1; ; attempt++ {
		dropped, err = s.tryDropPartition(ctx, conn, p, allowed)
		if !isRetryable(err) || attempt == maxDropAttempts {
			break
		}
		pause.Reset(dropRetryDelay)
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-pause.C:
		}
	}
	if dropped {
		err = s.partitions.refresh(ctx)
	}
	return dropped, err
}

func (s *Store) tryDropPartition(ctx context.Context, conn *pgx.Conn, p partition, allowed func(context.Context, pgx.Tx) (bool, error)) (dropped bool, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range []string{
			fmt.Sprintf("SET LOCAL lock_timeout = %d", dropLockTimeout.Milliseconds()),
			"SELECT pg_advisory_xact_lock(" + lockKeySQL(lockPartitions) + ")",
			"SELECT pg_advisory_xact_lock(" + lockKeySQL(lockRegistry) + ")",
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		var there bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM reading_partition WHERE start = $1 AND finish = $2)", p.start, p.end).Scan(&there); err != nil || !there {
			return err
		}
		if dropped, err = allowed(ctx, tx); err != nil || !dropped {
			return err
		}
		if _, err := tx.Exec(ctx, "DROP TABLE "+p.table()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM reading_partition WHERE start = $1", p.start)
		return err
	})
	return dropped && err == nil, err
}

// points counts what is in a partition.
func (p partition) countPoints(ctx context.Context, conn *pgx.Conn) (n uint64, err error) {
	err = conn.QueryRow(ctx, "SELECT count(*) FROM "+p.table()).Scan(&n)
	return n, err
}

// Bounds of vacuuming past partitions.
const (
	maxVacuumsPerRound = 2
	vacuumInterval     = time.Hour
)

// vacuumPast vacuums partitions of days that are over, after which they are
// read from their index alone. The server would do so too, but later.
func (s *Store) vacuumPastPartitions(ctx context.Context, conn *pgx.Conn, m *maintenanceState) error {
	rows, err := conn.Query(ctx, `
		SELECT p.name FROM reading_partition p JOIN pg_class c ON c.oid = to_regclass(quote_ident(p.name))
		WHERE p.finish <= $1 AND (c.reltuples < 0 OR c.relallvisible < c.relpages) ORDER BY p.start DESC`, s.options.nowMillis())
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	done := 0
	for _, name := range names {
		if time.Since(m.vacuumed[name]) < vacuumInterval {
			continue
		}
		if done++; done > maxVacuumsPerRound {
			return nil
		}
		m.vacuumed[name] = time.Now()
		if _, err := conn.Exec(ctx, "VACUUM (ANALYZE) "+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

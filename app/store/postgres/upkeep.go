package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// upkeepTimeout bounds each statement of upkeep.
const upkeepTimeout = 10 * time.Minute

// memory is what the leader remembers from round to round; an empty one costs
// work, not correctness.
type memory struct {
	// removed is, by series with a retention of its own, the time before which
	// its readings have been removed.
	removed map[int64]int64
	// vacuumed is when a partition was last vacuumed.
	vacuumed map[string]time.Time
	// near and helpless say what was reported of the size.
	near, helpless bool
	rollups        rollupRound
}

// upkeep does what is due: partitions for the days to come, what was purged,
// what has expired, what is too much. Each part is done whatever becomes of
// the others, as long as the connection holds.
func (s *Store) upkeep(ctx context.Context, conn *pgx.Conn, m *memory) (err error) {
	defer recoverAs(&err)
	if m.removed == nil {
		m.removed, m.vacuumed = make(map[int64]int64), make(map[string]time.Time)
	}
	if err := s.partitions.refresh(ctx); err != nil {
		return fmt.Errorf("upkeep: %w", err)
	}
	var errs []error
	for _, part := range []struct {
		name string
		do   func(context.Context, *pgx.Conn, *memory) error
	}{
		{"make partitions ahead", func(ctx context.Context, _ *pgx.Conn, _ *memory) error { return s.partitions.makeAhead(ctx) }},
		{"remove purged readings", s.removePurged},
		{"remove expired readings", s.removeExpired},
		{"keep the size limit", s.keepSize},
		{"roll up", s.rollUp},
		{"vacuum past partitions", s.vacuumPast},
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
func (s *Store) removePurged(ctx context.Context, conn *pgx.Conn, _ *memory) error {
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
	dropPatience = 100 * time.Millisecond
	dropAttempts = 20
	dropPause    = 250 * time.Millisecond
)

// drop drops a partition if allowed, which is asked while nobody appends or
// changes the catalog, agrees, and reports whether it did.
func (s *Store) drop(ctx context.Context, conn *pgx.Conn, p partition, allowed func(context.Context, pgx.Tx) (bool, error)) (dropped bool, err error) {
	pause := time.NewTimer(dropPause)
	defer pause.Stop()
	for attempt := 1; ; attempt++ {
		dropped, err = s.tryDrop(ctx, conn, p, allowed)
		if !passing(err) || attempt == dropAttempts {
			break
		}
		pause.Reset(dropPause)
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

func (s *Store) tryDrop(ctx context.Context, conn *pgx.Conn, p partition, allowed func(context.Context, pgx.Tx) (bool, error)) (dropped bool, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range []string{
			fmt.Sprintf("SET LOCAL lock_timeout = %d", dropPatience.Milliseconds()),
			"SELECT pg_advisory_xact_lock(" + lockKey(lockLayout) + ")",
			"SELECT pg_advisory_xact_lock(" + lockKey(lockGuard) + ")",
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
func (p partition) points(ctx context.Context, conn *pgx.Conn) (n uint64, err error) {
	err = conn.QueryRow(ctx, "SELECT count(*) FROM "+p.table()).Scan(&n)
	return n, err
}

// Bounds of vacuuming past partitions.
const (
	vacuumAtOnce = 2
	vacuumEvery  = time.Hour
)

// vacuumPast vacuums partitions of days that are over, after which they are
// read from their index alone. The server would do so too, but later.
func (s *Store) vacuumPast(ctx context.Context, conn *pgx.Conn, m *memory) error {
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
		if time.Since(m.vacuumed[name]) < vacuumEvery {
			continue
		}
		if done++; done > vacuumAtOnce {
			return nil
		}
		m.vacuumed[name] = time.Now()
		if _, err := conn.Exec(ctx, "VACUUM (ANALYZE) "+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

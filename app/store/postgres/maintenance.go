package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// maintenanceTimeout bounds each maintenance statement.
const maintenanceTimeout = 10 * time.Minute

// maintenanceState is what the leader remembers between rounds. Losing it costs
// extra work, not correctness.
type maintenanceState struct {
	// deletedBefore maps a series with a retention of its own to the time before
	// which its readings have been deleted.
	deletedBefore map[int64]int64
	// expiredEvents maps a kind to the seq of the last event that has expired.
	expiredEvents map[factory.EventKind]int64
	// vacuumed maps a partition to the time of its last vacuum.
	vacuumed map[string]time.Time
	// nearLimit and nothingToEvict say which size events were reported.
	nearLimit, nothingToEvict bool
	rollups                   rollupState
}

// runMaintenance does one round of maintenance. A task that fails does not stop
// the others unless the connection is lost.
func (s *Store) runMaintenance(ctx context.Context, conn *pgx.Conn, m *maintenanceState) (err error) {
	defer store.RecoverAs(&err)
	if m.deletedBefore == nil {
		m.deletedBefore, m.vacuumed = make(map[int64]int64), make(map[string]time.Time)
		m.expiredEvents = make(map[factory.EventKind]int64)
	}
	if err := s.partitions.refresh(ctx); err != nil {
		return fmt.Errorf("maintenance: %w", err)
	}
	var errs []error
	for _, task := range []struct {
		name string
		run  func(context.Context, *pgx.Conn, *maintenanceState) error
	}{
		{"create partitions ahead", func(ctx context.Context, _ *pgx.Conn, _ *maintenanceState) error {
			return s.partitions.createAhead(ctx)
		}},
		{"delete purged readings", s.deletePurged},
		{"delete expired readings", s.deleteExpired},
		{"delete expired events", s.deleteExpiredEvents},
		{"enforce the size limit", s.enforceSizeLimit},
		{"update rollups", s.updateRollups},
		{"vacuum past partitions", s.vacuumPastPartitions},
	} {
		if err := task.run(ctx, conn, m); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", task.name, err))
			if conn.IsClosed() || ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// deletePurged deletes the readings of series that were purged.
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

// Limits of vacuumPastPartitions.
const (
	maxVacuumsPerRound = 2
	vacuumInterval     = time.Hour // for the same partition
)

// vacuumPastPartitions vacuums partitions of the past, so that queries read
// them from the index alone. Autovacuum would get to them much later.
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
	vacuums := 0
	for _, name := range names {
		if time.Since(m.vacuumed[name]) < vacuumInterval {
			continue
		}
		if vacuums++; vacuums > maxVacuumsPerRound {
			return nil
		}
		m.vacuumed[name] = time.Now()
		if _, err := conn.Exec(ctx, "VACUUM (ANALYZE) "+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

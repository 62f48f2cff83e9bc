package postgres

import (
	"context"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// metricColumns are the columns that scanMetric reads.
const metricColumns = "machine, metric, unit, kind, expected_min, expected_max, retention, version, created_at, updated_at"

func scanMetric(row pgx.Row) (m factory.Metric, err error) {
	err = row.Scan(&m.Machine, &m.Name, &m.Unit, (*string)(&m.Kind), &m.ExpectedMin, &m.ExpectedMax, (*int64)(&m.Retention),
		&m.Version, &m.CreatedAt, &m.UpdatedAt)
	return m, err
}

// PutMetric implements factory.Registry.
func (s *Store) PutMetric(ctx context.Context, m factory.Metric, match factory.Match) (stored factory.Metric, created bool, err error) {
	if !storableName(m.Machine) {
		return stored, false, store.MachineNotFound(m.Machine)
	}
	err = s.updateRegistry(ctx, "put metric", func(ctx context.Context, tx pgx.Tx, next int64) (registryChange, error) {
		if err := requireMachine(ctx, tx, m.Machine); err != nil {
			return unchanged, err
		}
		if err := factory.ValidateMetric(m); err != nil {
			return unchanged, err
		}
		var known *factory.Metric
		switch present, err := scanMetric(tx.QueryRow(ctx, "SELECT "+metricColumns+" FROM series WHERE machine = $1 AND metric = $2", m.Machine, m.Name)); {
		case err == nil:
			known = &present
		case !isNoRows(err):
			return unchanged, err
		}
		put, err := store.PutMetric(known, m, match, s.options.nowMillis())
		if err != nil {
			return unchanged, err
		}
		stored, created = *put, known == nil
		if put == known {
			return unchanged, nil
		}
		if created {
			if err := s.checkSeriesLimit(m.Machine); err != nil {
				return unchanged, err
			}
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO series (machine, metric, unit, kind, expected_min, expected_max, retention, version, created_at, updated_at, changed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (machine, metric) DO UPDATE SET unit = excluded.unit, kind = excluded.kind,
				expected_min = excluded.expected_min, expected_max = excluded.expected_max, retention = excluded.retention,
				version = excluded.version, updated_at = excluded.updated_at, changed = excluded.changed`,
			m.Machine, m.Name, m.Unit, string(m.Kind), m.ExpectedMin, m.ExpectedMax, int64(m.Retention), put.Version, put.CreatedAt, put.UpdatedAt, next)
		if err == nil {
			err = s.journal.appendAudit(ctx, tx, store.MetricAudit(ctx, known, *put, put.UpdatedAt))
		}
		return changed, err
	})
	if err != nil {
		return factory.Metric{}, false, err
	}
	return stored, created, nil
}

// checkSeriesLimit returns an error if the machine may not get another series.
// The caller has exclusive access to the registry.
func (s *Store) checkSeriesLimit(machine string) error {
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	return s.options.seriesLimits().CheckSeries(len(s.registry.byKey), s.registry.ofMachine[machine])
}

// requireMachine returns ErrNotFound if the machine is not registered or is
// deleted.
func requireMachine(ctx context.Context, q querier, id string) error {
	var exists bool
	err := q.QueryRow(ctx, "SELECT EXISTS (SELECT FROM machine WHERE id = $1 AND NOT deleted)", id).Scan(&exists)
	if err == nil && !exists {
		err = store.MachineNotFound(id)
	}
	return err
}

// Metric implements factory.Registry.
func (s *Store) Metric(ctx context.Context, machine, name string) (factory.Metric, error) {
	found, err := s.metrics(ctx, machine, &name)
	if err != nil {
		return factory.Metric{}, err
	}
	if len(found) == 0 {
		return factory.Metric{}, store.NotRegistered(machine, name)
	}
	return found[0], nil
}

// Metrics implements factory.Registry.
func (s *Store) Metrics(ctx context.Context, machine string) ([]factory.Metric, error) {
	return s.metrics(ctx, machine, nil)
}

// metrics returns the metrics of a machine in order of their names, or only the
// one with the given name.
func (s *Store) metrics(ctx context.Context, machine string, name *string) ([]factory.Metric, error) {
	return query(ctx, s, "metrics", func(ctx context.Context, tx pgx.Tx) (found []factory.Metric, err error) {
		if !storableName(machine) {
			return nil, store.MachineNotFound(machine)
		}
		if err := requireMachine(ctx, tx, machine); err != nil {
			return nil, err
		}
		if name != nil && !storableName(*name) {
			return nil, nil
		}
		rows, err := tx.Query(ctx, "SELECT "+metricColumns+" FROM series WHERE machine = $1 AND metric = coalesce($2, metric) ORDER BY metric", machine, name)
		if err != nil {
			return nil, err
		}
		return pgx.AppendRows(found, rows, func(row pgx.CollectableRow) (factory.Metric, error) { return scanMetric(row) })
	})
}

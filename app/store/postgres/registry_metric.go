package postgres

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// metricColumns are the columns that scanMetric reads.
const metricColumns = "machine, metric, unit, kind, expected_min, expected_max, retention, version, created_at, updated_at"

func scanMetric(row pgx.Row) (m factory.Metric, err error) {
	err = row.Scan(&m.Machine, &m.Name, &m.Unit, (*string)(&m.Kind), &m.ExpectedMin, &m.ExpectedMax, (*int64)(&m.Retention),
		&m.Version, &m.CreatedAt, &m.UpdatedAt)
	return m, err
}

// sameMetric reports whether two metrics have the same description.
func sameMetric(a, b factory.Metric) bool {
	same := func(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return a.Unit == b.Unit && a.Kind == b.Kind && a.Retention == b.Retention &&
		same(a.ExpectedMin, b.ExpectedMin) && same(a.ExpectedMax, b.ExpectedMax)
}

// PutMetric implements factory.Registry.
func (s *Store) PutMetric(ctx context.Context, m factory.Metric, match factory.Match) (stored factory.Metric, created bool, err error) {
	if !storableName(m.Machine) {
		return stored, false, machineNotFound(m.Machine)
	}
	err = s.updateRegistry(ctx, "put metric", func(ctx context.Context, tx pgx.Tx, next int64) (change registryChange, err error) {
		stored, created, change, err = s.putMetric(ctx, tx, m, match, next)
		return change, err
	})
	if err != nil {
		return factory.Metric{}, false, err
	}
	return stored, created, nil
}

func (s *Store) putMetric(ctx context.Context, tx pgx.Tx, m factory.Metric, match factory.Match, next int64) (stored factory.Metric, created bool, change registryChange, err error) {
	if err := requireMachine(ctx, tx, m.Machine); err != nil {
		return stored, false, unchanged, err
	}
	if err := factory.ValidateMetric(m); err != nil {
		return stored, false, unchanged, err
	}
	present, err := scanMetric(tx.QueryRow(ctx, "SELECT "+metricColumns+" FROM series WHERE machine = $1 AND metric = $2", m.Machine, m.Name))
	created = isNoRows(err)
	if err != nil && !created {
		return stored, false, unchanged, err
	}
	if !match.Allows(present.Version) {
		return stored, false, unchanged, fmt.Errorf("machine %q, metric %q: %w", m.Machine, m.Name, factory.ErrPrecondition)
	}
	if !created && sameMetric(present, m) {
		return present, false, unchanged, nil
	}
	if series, _ := s.registry.counts(); created && series >= s.options.MaxSeries {
		return stored, false, unchanged, limitError(s.options.MaxSeries)
	}
	stored, err = scanMetric(tx.QueryRow(ctx, `
		INSERT INTO series AS s (machine, metric, unit, kind, expected_min, expected_max, retention, version, created_at, updated_at, changed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $9)
		ON CONFLICT (machine, metric) DO UPDATE SET unit = excluded.unit, kind = excluded.kind,
			expected_min = excluded.expected_min, expected_max = excluded.expected_max, retention = excluded.retention,
			version = s.version + 1, updated_at = excluded.updated_at, changed = excluded.changed
		RETURNING `+metricColumns,
		m.Machine, m.Name, m.Unit, string(m.Kind), m.ExpectedMin, m.ExpectedMax, int64(m.Retention), s.options.nowMillis(), next))
	return stored, created, changed, err
}

// requireMachine returns ErrNotFound if the machine is not registered or is
// deleted.
func requireMachine(ctx context.Context, q querier, id string) error {
	var exists bool
	err := q.QueryRow(ctx, "SELECT EXISTS (SELECT FROM machine WHERE id = $1 AND NOT deleted)", id).Scan(&exists)
	if err == nil && !exists {
		err = machineNotFound(id)
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
		return factory.Metric{}, fmt.Errorf("machine %q, metric %q: %w", machine, name, factory.ErrNotFound)
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
			return nil, machineNotFound(machine)
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

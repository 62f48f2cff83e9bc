package postgres

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

const metricColumns = "machine, metric, unit, kind, expected_min, expected_max, retention, version, created_at, updated_at"

func scanMetric(row pgx.Row) (m factory.Metric, err error) {
	err = row.Scan(&m.Machine, &m.Name, &m.Unit, (*string)(&m.Kind), &m.ExpectedMin, &m.ExpectedMax, (*int64)(&m.Retention),
		&m.Version, &m.CreatedAt, &m.UpdatedAt)
	return m, err
}

// sameMetric compares the descriptions of two metrics.
func sameMetric(a, b factory.Metric) bool {
	same := func(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return a.Unit == b.Unit && a.Kind == b.Kind && a.Retention == b.Retention &&
		same(a.ExpectedMin, b.ExpectedMin) && same(a.ExpectedMax, b.ExpectedMax)
}

// PutMetric implements factory.Registry.
func (s *Store) PutMetric(ctx context.Context, m factory.Metric, match factory.Match) (stored factory.Metric, created bool, err error) {
	end, err := s.beginQuery(ctx)
	if err != nil {
		return stored, false, err
	}
	defer end()
	if !storableName(m.Machine) {
		return stored, false, fmt.Errorf("machine %q: %w", m.Machine, factory.ErrNotFound)
	}
	err = s.updateRegistry(ctx, "put metric", func(ctx context.Context, tx pgx.Tx, next int64) (done registryChange, err error) {
		stored, created, done, err = s.putMetric(ctx, tx, m, match, next)
		return done, err
	})
	if err != nil {
		return factory.Metric{}, false, err
	}
	return stored, created, nil
}

func (s *Store) putMetric(ctx context.Context, tx pgx.Tx, m factory.Metric, match factory.Match, next int64) (stored factory.Metric, created bool, done registryChange, err error) {
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

// machineIsThere is ErrNotFound for a machine that is not registered, or not
// any more.
func requireMachine(ctx context.Context, q querier, id string) error {
	var there bool
	if err := q.QueryRow(ctx, "SELECT EXISTS (SELECT FROM machine WHERE id = $1 AND NOT deleted)", id).Scan(&there); err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("machine %q: %w", id, factory.ErrNotFound)
	}
	return nil
}

// Metric implements factory.Registry.
func (s *Store) Metric(ctx context.Context, machine, name string) (m factory.Metric, err error) {
	all, err := s.metrics(ctx, machine, &name)
	if err != nil {
		return factory.Metric{}, err
	}
	if len(all) == 0 {
		return factory.Metric{}, fmt.Errorf("machine %q, metric %q: %w", machine, name, factory.ErrNotFound)
	}
	return all[0], nil
}

// Metrics implements factory.Registry.
func (s *Store) Metrics(ctx context.Context, machine string) ([]factory.Metric, error) {
	return s.metrics(ctx, machine, nil)
}

// metrics returns those of a machine in order, or the one of that name.
func (s *Store) metrics(ctx context.Context, machine string, name *string) (all []factory.Metric, err error) {
	end, err := s.beginQuery(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if !storableName(machine) {
		return nil, fmt.Errorf("machine %q: %w", machine, factory.ErrNotFound)
	}
	err = s.query(ctx, "metrics", func(ctx context.Context, tx pgx.Tx) error {
		all = nil
		if err := requireMachine(ctx, tx, machine); err != nil {
			return err
		}
		if name != nil && !storableName(*name) {
			return nil
		}
		rows, err := tx.Query(ctx, "SELECT "+metricColumns+" FROM series WHERE machine = $1 AND metric = coalesce($2, metric) ORDER BY metric", machine, name)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			m, err := scanMetric(rows)
			if err != nil {
				return err
			}
			all = append(all, m)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

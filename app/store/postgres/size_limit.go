package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// nearLimitTenths of MaxBytes are worth a warning.
const nearLimitTenths = 9

// keepSize measures the tables, for every replica to show, and drops the
// oldest partitions while they have more than MaxBytes. Days that are not over
// stay.
func (s *Store) enforceSizeLimit(ctx context.Context, conn *pgx.Conn, m *maintenanceState) error {
	bytes, err := s.measureSize(ctx, conn)
	if err != nil || s.options.MaxBytes == 0 {
		return err
	}
	near := bytes >= s.options.MaxBytes/10*nearLimitTenths
	if near && !m.nearLimit {
		s.options.event(Event{Kind: EventNearLimit, Bytes: bytes})
	}
	m.nearLimit = near
	today := startOfDay(s.options.nowMillis())
	for _, p := range s.partitions.layout() {
		if bytes <= s.options.MaxBytes || p.end > today {
			break
		}
		if err := s.evictPartition(ctx, conn, p); err != nil {
			return err
		}
		if bytes, err = s.measureSize(ctx, conn); err != nil {
			return err
		}
	}
	helpless := bytes > s.options.MaxBytes
	if helpless && !m.nothingToEvict {
		s.options.event(Event{Kind: EventNothingToEvict, Bytes: bytes})
	}
	m.nothingToEvict = helpless
	return nil
}

// measure returns the size of all tables with their indexes and tells it to
// every replica.
func (s *Store) measureSize(ctx context.Context, conn *pgx.Conn) (bytes int64, err error) {
	err = conn.QueryRow(ctx, `
		UPDATE upkeep_state SET bytes = (
			SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
			FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'm'))
		RETURNING bytes`).Scan(&bytes)
	if err == nil {
		s.monitor.bytes.Store(bytes)
	}
	return bytes, err
}

// evict drops the oldest partition, whatever is in it.
func (s *Store) evictPartition(ctx context.Context, conn *pgx.Conn, p partition) error {
	points, err := p.countPoints(ctx, conn)
	if err != nil {
		return err
	}
	if err := p.deleteAllRollups(ctx, conn); err != nil {
		return err
	}
	dropped, err := s.dropPartition(ctx, conn, p, func(ctx context.Context, tx pgx.Tx) (bool, error) {
		// It is the oldest: what was newest of a series up to its end is gone.
		_, err := tx.Exec(ctx, "DELETE FROM latest WHERE at < $1", p.end)
		return err == nil, err
	})
	if dropped && points > 0 {
		s.counters.evicted.Add(points)
		s.options.event(Event{Kind: EventEvicted, Bytes: s.monitor.bytes.Load(), Points: points})
	}
	return err
}

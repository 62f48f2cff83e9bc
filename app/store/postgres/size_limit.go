package postgres

import (
	"context"

	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// nearLimitTenths is the share of MaxBytes, in tenths, that causes a warning.
const nearLimitTenths = 9

// enforceSizeLimit measures the tables and drops the oldest partitions while
// they exceed MaxBytes. It never drops a partition that reaches into today.
func (s *Store) enforceSizeLimit(ctx context.Context, conn *pgx.Conn, m *maintenanceState) error {
	bytes, err := s.measureSize(ctx, conn)
	if err != nil || s.options.MaxBytes == 0 {
		return err
	}
	nearLimit := bytes >= s.options.MaxBytes/10*nearLimitTenths
	if nearLimit && !m.nearLimit {
		s.options.reportEvent(store.Event{Kind: store.EventNearLimit, Bytes: bytes})
	}
	m.nearLimit = nearLimit
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
	nothingToEvict := bytes > s.options.MaxBytes
	if nothingToEvict && !m.nothingToEvict {
		s.options.reportEvent(store.Event{Kind: store.EventNothingToEvict, Bytes: bytes})
	}
	m.nothingToEvict = nothingToEvict
	return nil
}

// measureSize returns the size of all tables including indexes, and stores it
// for the other replicas.
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

// evictPartition drops the oldest partition with everything in it.
func (s *Store) evictPartition(ctx context.Context, conn *pgx.Conn, p partition) error {
	points, err := s.dropWithPoints(ctx, conn, p, func(ctx context.Context, tx pgx.Tx) (bool, error) {
		// No older partition exists, so these readings are gone.
		_, err := tx.Exec(ctx, "DELETE FROM latest WHERE at < $1", p.end)
		return err == nil, err
	})
	if points > 0 {
		s.counters.evicted.Add(points)
		s.options.reportEvent(store.Event{Kind: store.EventEvicted, Bytes: s.monitor.bytes.Load(), Points: points})
	}
	return err
}

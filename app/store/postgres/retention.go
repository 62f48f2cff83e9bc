package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// retentionSettings are the expiry times of all series. Readings before an
// expiry time have expired.
type retentionSettings struct {
	// version is past the registry's version of the last change that may have
	// changed a retention.
	version int64
	// overrides maps each series with a retention of its own to its expiry.
	overrides map[int64]int64
	// defaultExpiry applies to all other series, including future ones.
	defaultExpiry int64
	// allExpired is the earliest expiry of any series.
	allExpired int64
}

// loadRetention reads the present settings.
func (s *Store) loadRetention(ctx context.Context, q querier) (set retentionSettings, err error) {
	now := s.options.nowMillis()
	set.overrides = make(map[int64]int64)
	set.defaultExpiry = s.options.expiry(0, now)
	set.allExpired = set.defaultExpiry
	// A series of version 1 without a retention never had one.
	err = q.QueryRow(ctx, "SELECT coalesce(max(changed), 0) + 1 FROM series WHERE retention <> 0 OR version > 1").Scan(&set.version)
	if err != nil {
		return set, err
	}
	rows, err := q.Query(ctx, "SELECT id, retention FROM series WHERE retention <> 0")
	if err != nil {
		return set, err
	}
	var id, retention int64
	_, err = pgx.ForEachRow(rows, []any{&id, &retention}, func() error {
		expiry := s.options.expiry(time.Duration(retention), now)
		set.overrides[id] = expiry
		set.allExpired = min(set.allExpired, expiry)
		return nil
	})
	return set, err
}

// deleteExpired deletes expired readings, which queries no longer return, from
// the disk. It drops partitions in which everything has expired. From others it
// deletes the readings of series with a shorter retention of their own and,
// once the default retention has passed, those of all series without a longer
// one.
func (s *Store) deleteExpired(ctx context.Context, conn *pgx.Conn, m *maintenanceState) error {
	set, err := s.loadRetention(ctx, conn)
	if err != nil {
		return err
	}
	for _, p := range s.partitions.layout() {
		if p.end <= set.allExpired {
			err = s.dropExpiredPartition(ctx, conn, p)
		} else {
			err = s.deleteExpiredFrom(ctx, conn, p, set, m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	m.deletedBefore = set.overrides
	return nil
}

// dropExpiredPartition drops a partition in which everything has expired, unless
// the settings have changed meanwhile.
func (s *Store) dropExpiredPartition(ctx context.Context, conn *pgx.Conn, p partition) error {
	points, err := s.dropWithPoints(ctx, conn, p, func(ctx context.Context, tx pgx.Tx) (bool, error) {
		set, err := s.loadRetention(ctx, tx)
		return p.end <= set.allExpired, err
	})
	s.counters.expired.Add(points)
	return err
}

// deleteExpiredFrom deletes the expired readings from a partition, and drops the
// partition if that leaves it empty.
func (s *Store) deleteExpiredFrom(ctx context.Context, conn *pgx.Conn, p partition, set retentionSettings, m *maintenanceState) error {
	var ids, from, to []int64
	toEnd := true // all deleted ranges reach the partition's end
	for id, expiry := range set.overrides {
		deletedBefore, known := m.deletedBefore[id]
		if !known {
			deletedBefore = minTime
		}
		if expiry <= p.start || deletedBefore >= p.end || deletedBefore >= expiry {
			continue
		}
		ids, from, to = append(ids, id), append(from, deletedBefore), append(to, expiry)
		toEnd = toEnd && expiry >= p.end
	}
	deleted := int64(0)
	if len(ids) > 0 {
		err := inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, "DELETE FROM "+p.table()+` r
				USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS e(id, since, before)
				WHERE r.series_id = e.id AND r.at >= e.since AND r.at < e.before`, ids, from, to)
			if err != nil {
				return err
			}
			deleted = tag.RowsAffected()
			return p.deleteRollups(ctx, tx, ids, from, to)
		})
		if err != nil {
			return err
		}
	}
	if p.end <= set.defaultExpiry {
		n, err := s.deleteDefaultExpired(ctx, conn, p, set)
		if err != nil {
			return err
		}
		deleted += n
	}
	s.counters.expired.Add(uint64(deleted))
	if deleted > 0 && toEnd && p.end <= s.options.nowMillis() {
		return s.dropPartitionIfEmpty(ctx, conn, p)
	}
	return nil
}

// deleteDefaultExpired deletes the readings of all series without a retention of
// their own from a partition that is past the default retention. It does so
// once for each change of the settings.
func (s *Store) deleteDefaultExpired(ctx context.Context, conn *pgx.Conn, p partition, set retentionSettings) (deleted int64, err error) {
	var tidied int64
	if err := conn.QueryRow(ctx, "SELECT tidied FROM reading_partition WHERE start = $1", p.start).Scan(&tidied); err != nil {
		return 0, err
	}
	if tidied >= set.version {
		return 0, nil
	}
	overridden := slices.Collect(maps.Keys(set.overrides))
	const others = " r WHERE NOT EXISTS (SELECT FROM unnest($1::bigint[]) AS own(id) WHERE own.id = r.series_id)"
	err = inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "DELETE FROM "+p.table()+others, overridden)
		if err != nil {
			return err
		}
		deleted = tag.RowsAffected()
		if _, err := tx.Exec(ctx, "DELETE FROM rollup"+others+" AND start >= $2 AND start < $3", overridden, p.start, p.end); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE reading_partition SET tidied = $2 WHERE start = $1", p.start, set.version)
		return err
	})
	return deleted, err
}

// dropPartitionIfEmpty vacuums a partition after deletions, so that its space is
// reused, and drops it if nothing is left.
func (s *Store) dropPartitionIfEmpty(ctx context.Context, conn *pgx.Conn, p partition) error {
	if _, err := conn.Exec(ctx, "VACUUM "+p.table()); err != nil {
		return err
	}
	_, err := s.dropPartition(ctx, conn, p, func(ctx context.Context, tx pgx.Tx) (empty bool, err error) {
		err = tx.QueryRow(ctx, "SELECT NOT EXISTS (SELECT FROM "+p.table()+")").Scan(&empty)
		return empty, err
	})
	return err
}

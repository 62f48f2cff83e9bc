package postgres

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
)

// settings is what is kept for how long.
type retentionSettings struct {
	// version of the catalog at which a retention may have changed last.
	version int64
	// own has the series with a retention of their own, with their expiry.
	overrides map[int64]int64
	// others is the expiry of all other series, those to come included;
	// horizon is the time before which readings of every series are expired.
	defaultExpiry, allExpired int64
}

// settingsNow reads the settings.
func (s *Store) loadRetention(ctx context.Context, q querier) (set retentionSettings, err error) {
	now := s.options.nowMillis()
	set.overrides = make(map[int64]int64)
	set.defaultExpiry = s.options.expiry(0, now)
	set.allExpired = set.defaultExpiry
	// A series that was never described has no retention, and never had one.
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

// removeExpired removes what has expired from the disk; it is not shown any
// more already. A partition in which everything has expired is dropped. In
// others the readings of a series with a shorter retention of its own are
// deleted, and once the default retention is past, those of all series
// without a longer one.
func (s *Store) deleteExpired(ctx context.Context, conn *pgx.Conn, m *maintenanceState) error {
	set, err := s.loadRetention(ctx, conn)
	if err != nil {
		return err
	}
	for _, p := range s.partitions.layout() {
		switch {
		case p.end <= set.allExpired:
			err = s.dropExpiredPartition(ctx, conn, p)
		default:
			err = s.deleteExpiredFrom(ctx, conn, p, set, m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
	}
	maps.Copy(m.deletedBefore, set.overrides)
	for id := range m.deletedBefore {
		if _, own := set.overrides[id]; !own {
			delete(m.deletedBefore, id)
		}
	}
	return nil
}

// dropExpired drops a partition in which everything has expired, unless that
// has changed meanwhile.
func (s *Store) dropExpiredPartition(ctx context.Context, conn *pgx.Conn, p partition) error {
	points, err := p.countPoints(ctx, conn)
	if err != nil {
		return err
	}
	if err := p.deleteAllRollups(ctx, conn); err != nil {
		return err
	}
	dropped, err := s.dropPartition(ctx, conn, p, func(ctx context.Context, tx pgx.Tx) (bool, error) {
		set, err := s.loadRetention(ctx, tx)
		return p.end <= set.allExpired, err
	})
	if dropped {
		s.counters.expired.Add(points)
	}
	return err
}

// thin deletes from a partition what has expired of it.
func (s *Store) deleteExpiredFrom(ctx context.Context, conn *pgx.Conn, p partition, set retentionSettings, m *maintenanceState) error {
	var ids, from, to []int64
	whole := true // everything that is deleted is so up to the partition's end
	for id, expiry := range set.overrides {
		done, known := m.deletedBefore[id]
		if !known {
			done = minTime
		}
		if expiry <= p.start || done >= p.end || done >= expiry {
			continue
		}
		ids, from, to = append(ids, id), append(from, done), append(to, expiry)
		whole = whole && expiry >= p.end
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
	if deleted > 0 && whole && p.end <= s.options.nowMillis() {
		return s.dropPartitionIfEmpty(ctx, conn, p)
	}
	return nil
}

// tidy deletes from a partition past the default retention what belongs to no
// series with a retention of its own, once for each change of settings.
func (s *Store) deleteDefaultExpired(ctx context.Context, conn *pgx.Conn, p partition, set retentionSettings) (deleted int64, err error) {
	var tidied int64
	if err := conn.QueryRow(ctx, "SELECT tidied FROM reading_partition WHERE start = $1", p.start).Scan(&tidied); err != nil {
		return 0, err
	}
	if tidied >= set.version {
		return 0, nil
	}
	own := make([]int64, 0, len(set.overrides))
	for id := range set.overrides {
		own = append(own, id)
	}
	const others = " r WHERE NOT EXISTS (SELECT FROM unnest($1::bigint[]) AS own(id) WHERE own.id = r.series_id)"
	err = inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "DELETE FROM "+p.table()+others, own)
		if err != nil {
			return err
		}
		deleted = tag.RowsAffected()
		if _, err := tx.Exec(ctx, "DELETE FROM rollup"+others+" AND start >= $2 AND start < $3", own, p.start, p.end); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE reading_partition SET tidied = $2 WHERE start = $1", p.start, set.version)
		return err
	})
	return deleted, err
}

// dropEmpty drops a partition that has nothing left, and gives the space of
// what was deleted to what comes next otherwise.
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

package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// A rollup is what an hour of a series comes to, and each of its minutes. It is
// a copy of what the readings say, and counts while its hour has no mark in
// rollup_due. Whoever appends to an hour that may have one, marks it; see
// append_readings.

const (
	minuteMs = int64(60_000)
	hourMs   = int64(3_600_000)
)

// Bounds of making rollups.
const (
	// rollLag is how long an hour must be over: until then its readings are
	// still coming in.
	rollupDelay = 15 * time.Minute
	// rollFor bounds the work of one round of upkeep.
	rollupTimeBudget = 5 * time.Second
	// openPatience is how long appends wait for openHours at most, behind those
	// under way, and openAttempts how often that is tried in a round.
	eligibilityLockTimeout = 250 * time.Millisecond
	maxEligibilityAttempts = 4
	// rollPoints is about how many readings one transaction goes through, and
	// rollSeries and rollHours how many series or marked hours.
	rollupBatchPoints = 1 << 17
	rollupBatchSeries = 256
	rollupBatchHours  = 128
	// rollQuiet is the most new rows in a past partition between two looks that
	// let it be rolled up: while a recording is loaded nothing is marked.
	quietPartitionRows = 10_000
	// rollAlways is how long a day may be over to be rolled up without that.
	alwaysEligibleMs = 2 * dayMs
)

// An hour has a rollup from leastOfHour readings on, and its minutes where they
// have leastOfMinute each on average.
const (
	minHourPoints   = 16
	minMinutePoints = 4
)

// rollupRound is what the leader remembers of rollups.
type rollupState struct {
	extendedAt time.Time // when hours were last let have rollups
	// epoch is such that every append which marked with an earlier one has
	// ended; 0 is unknown.
	epoch int64
	// rows is how many each partition had taken at the last look.
	partitionRows map[string]int64
	// hasty lets partitions be rolled up at the first look.
	ignoreActivity bool
}

// rollUp makes the rollups that are due, as far as it gets in a while.
func (s *Store) updateRollups(ctx context.Context, conn *pgx.Conn, m *maintenanceState) error {
	deadline := time.Now().Add(rollupTimeBudget)
	err := s.extendEligible(ctx, conn, &m.rollups)
	for attempt := 1; isRetryable(err) && attempt < maxEligibilityAttempts; attempt++ {
		err = s.extendEligible(ctx, conn, &m.rollups)
	}
	if err != nil && !isRetryable(err) {
		return err
	}
	for _, step := range []func(context.Context, *pgx.Conn, *rollupState) (more bool, err error){s.rebuildStale, s.buildEligible} {
		for more := true; more && time.Now().Before(deadline) && ctx.Err() == nil; {
			if more, err = step(ctx, conn, &m.rollups); err != nil {
				return err
			}
		}
	}
	return nil
}

// openHours lets more hours have rollups, and begins the next epoch of marks,
// if there is anything to gain. For marks alone it does so now and then only:
// a series that is always late is not rolled up all the time. Nobody appends at that moment, so an append
// either is seen by what is made of the readings from now on, or marks.
func (s *Store) extendEligible(ctx context.Context, conn *pgx.Conn, m *rollupState) error {
	starts, rolled, err := s.eligiblePartitions(ctx, conn, m)
	if err != nil {
		return err
	}
	marked := false
	if len(starts) == 0 && time.Since(m.extendedAt) < s.options.rollEvery {
		return nil
	}
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM rollup_due WHERE epoch >= $1)", m.epoch).Scan(&marked); err != nil {
		return err
	}
	if !marked && len(starts) == 0 {
		return nil
	}
	var epoch int64
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range []string{
			fmt.Sprintf("SET LOCAL lock_timeout = %d", eligibilityLockTimeout.Milliseconds()),
			"SELECT pg_advisory_xact_lock(" + lockKeySQL(lockRegistry) + ")",
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
			UPDATE reading_partition p
			SET sweep_from = greatest(p.rolled, p.start), rolled = o.rolled, sweep_series = 0, sweep_at = $3
			FROM unnest($1::bigint[], $2::bigint[]) AS o(start, rolled)
			WHERE p.start = o.start AND p.rolled < o.rolled AND p.sweep_series IS NULL`, starts, rolled, int64(math.MinInt64))
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			UPDATE catalog_state SET rollup_epoch = rollup_epoch + 1,
				rolled_before = greatest(rolled_before, (SELECT max(rolled) FROM reading_partition))
			RETURNING rollup_epoch`).Scan(&epoch)
	})
	if err != nil {
		return err
	}
	m.extendedAt, m.epoch = time.Now(), epoch
	return nil
}

// openable returns the partitions that have hours to let have rollups, and up
// to when.
func (s *Store) eligiblePartitions(ctx context.Context, conn *pgx.Conn, m *rollupState) (starts, rolled []int64, err error) {
	now := s.options.nowMillis()
	over := now - rollupDelay.Milliseconds()
	over -= over % hourMs
	rows, err := conn.Query(ctx, `
		SELECT start, finish, name, rolled, coalesce(pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid), 0)
		FROM reading_partition p LEFT JOIN pg_class c ON c.oid = to_regclass(quote_ident(p.name))
		WHERE start >= $1 AND finish <= $2 AND rolled < least(finish, $3) AND start < $3 AND sweep_series IS NULL`, minBoundedTime, maxBoundedTime, over)
	if err != nil {
		return nil, nil, err
	}
	if m.partitionRows == nil {
		m.partitionRows = make(map[string]int64)
	}
	var p partition
	var name string
	var done, taken int64
	_, err = pgx.ForEachRow(rows, []any{&p.start, &p.end, &name, &done, &taken}, func() error {
		before, known := m.partitionRows[name]
		m.partitionRows[name] = taken
		if p.end > now-alwaysEligibleMs || known && taken-before <= quietPartitionRows || m.ignoreActivity {
			starts, rolled = append(starts, p.start), append(rolled, min(p.end, over))
		}
		return nil
	})
	return starts, rolled, err
}

// inRollupTransaction runs f in a transaction in which nobody else makes
// rollups or deletes readings.
func inRollupTransaction(ctx context.Context, conn *pgx.Conn, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+lockKeySQL(lockRollup)+")"); err != nil {
			return err
		}
		return f(tx)
	})
}

// forgetAll deletes the rollups of a partition that is about to be dropped, so
// that little of that is left to do while nobody can append.
func (p partition) deleteAllRollups(ctx context.Context, conn *pgx.Conn) error {
	return inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM rollup WHERE start >= $1 AND start < $2", p.start, p.end)
		return err
	})
}

// rollMarked makes rollups of some marked hours anew, and removes the marks
// that were there before what it read.
func (s *Store) rebuildStale(ctx context.Context, conn *pgx.Conn, m *rollupState) (more bool, err error) {
	err = inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		roller, err := newRollupBuilder(ctx, tx)
		if err != nil {
			return err
		}
		var ids, starts []int64
		rows, err := tx.Query(ctx, `
			SELECT series_id, start FROM rollup_due WHERE epoch < $1
			GROUP BY series_id, start ORDER BY series_id, start LIMIT $2`, m.epoch, rollupBatchHours)
		if err != nil {
			return err
		}
		var id, start int64
		_, err = pgx.ForEachRow(rows, []any{&id, &start}, func() error {
			ids, starts = append(ids, id), append(starts, start)
			return nil
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		from := 0
		for from < len(ids) && roller.pointsRead < rollupBatchPoints {
			to := from + 1 // hours in a row are read in one go
			for to < len(ids) && ids[to] == ids[from] && starts[to] == starts[to-1]+hourMs {
				to++
			}
			if _, err := roller.build(ctx, "reading", ids[from], starts[from], starts[to-1]+hourMs, math.MaxInt); err != nil {
				return err
			}
			from = to
		}
		if err := roller.write(ctx); err != nil {
			return err
		}
		more = from < len(ids) || len(ids) == rollupBatchHours
		_, err = tx.Exec(ctx, `
			DELETE FROM rollup_due d USING unnest($1::bigint[], $2::bigint[]) AS done(id, start)
			WHERE d.series_id = done.id AND d.start = done.start AND d.epoch < $3`, ids[:from], starts[:from], m.epoch)
		return err
	})
	return more, err
}

// rollOpened goes on to make the first rollups of hours that openHours has let
// have them, in the newest partition that has such.
func (s *Store) buildEligible(ctx context.Context, conn *pgx.Conn, _ *rollupState) (more bool, err error) {
	err = inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		var p partition
		var from, to, at int64
		var series *int64
		err := tx.QueryRow(ctx, `
			SELECT start, finish, sweep_from, rolled, sweep_series, sweep_at FROM reading_partition
			WHERE sweep_series IS NOT NULL ORDER BY start DESC LIMIT 1`).Scan(&p.start, &p.end, &from, &to, &series, &at)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		roller, err := newRollupBuilder(ctx, tx)
		if err != nil {
			return err
		}
		for n := 0; n < rollupBatchSeries && roller.pointsRead < rollupBatchPoints && series != nil; n++ {
			if at <= from { // it is the next one's turn
				at = from
				err := tx.QueryRow(ctx, "SELECT min(series_id) FROM "+p.table()+" WHERE series_id >= $1", *series).Scan(&series)
				if err != nil {
					return err
				}
				if series == nil {
					break
				}
			}
			if at, err = roller.build(ctx, p.table(), *series, at, to, rollupBatchPoints-roller.pointsRead); err != nil {
				return err
			}
			if at >= to {
				next := *series + 1
				series, at = &next, math.MinInt64
			}
		}
		if err := roller.write(ctx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE reading_partition SET sweep_series = $2, sweep_at = $3 WHERE start = $1", p.start, series, at)
		return err
	})
	return more, err
}

// forget deletes the rollups of series in the hours that have times from since
// to before, as who deletes readings does in the same transaction.
func (p partition) deleteRollups(ctx context.Context, tx pgx.Tx, ids, since, before []int64) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM rollup r USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS e(id, since, before)
		WHERE r.series_id = e.id AND r.start >= $4 AND r.start < $5 AND r.start + $6 > e.since AND r.start < e.before`,
		ids, since, before, p.start, p.end, hourMs)
	return err
}

package postgres

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// A rollup summarizes an hour of a series, and each of its minutes. It is a
// copy of what the readings say, and valid unless rollup_due has a mark for its
// hour. Appending to an hour that may have a rollup adds such a mark; see
// append_readings in migrations and DESIGN.md.

const (
	minuteMs = int64(60_000)
	hourMs   = int64(3_600_000)
)

// Limits of building rollups.
const (
	// rollupDelay is how long after its end an hour becomes eligible for a
	// rollup. Until then its readings are still arriving.
	rollupDelay = 15 * time.Minute
	// rollupTimeBudget bounds the time spent on rollups in one round.
	rollupTimeBudget = 5 * time.Second
	// eligibilityLockTimeout is how long extendEligible, and every append behind
	// it, waits for running appends. It is tried maxEligibilityAttempts times a
	// round.
	eligibilityLockTimeout = 250 * time.Millisecond
	maxEligibilityAttempts = 4
	// Approximate numbers of readings, series and marked hours that one
	// transaction processes.
	rollupBatchPoints = 1 << 17
	rollupBatchSeries = 256
	rollupBatchHours  = 128
	// quietPartitionRows is the number of new rows per round up to which a past
	// partition counts as quiet and becomes eligible. This avoids marks while a
	// recording is being loaded.
	quietPartitionRows = 10_000
	// alwaysEligibleMs is the age of a partition's end up to which it need not be
	// quiet.
	alwaysEligibleMs = 2 * dayMs
)

// An hour has a rollup if it has at least minHourPoints readings. The rollup
// includes minutes if they have at least minMinutePoints readings on average.
const (
	minHourPoints   = 16
	minMinutePoints = 4
)

// rollupState is what the leader remembers about rollups between rounds.
type rollupState struct {
	extendedAt time.Time // last success of extendEligible
	// epoch is an epoch of marks such that every append that marked with an
	// earlier one has ended. 0 means unknown.
	epoch int64
	// partitionRows maps a partition to the number of rows ever written to it, as
	// of the last round.
	partitionRows map[string]int64
	// ignoreActivity makes partitions eligible without a quiet round, for tests.
	ignoreActivity bool
}

// updateRollups builds the rollups that are due, within the time budget.
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

// extendEligible makes more hours eligible for rollups and starts a new epoch of
// marks, if either is useful. If there are only marks to process, it does so at
// most once per rollupInterval, so that a series whose readings are always late is
// not rolled up continuously. No append is running at that moment, so each
// append is either visible to the rollups built afterwards, or adds a mark.
func (s *Store) extendEligible(ctx context.Context, conn *pgx.Conn, r *rollupState) error {
	starts, rolled, err := s.eligiblePartitions(ctx, conn, r)
	if err != nil {
		return err
	}
	if len(starts) == 0 {
		if time.Since(r.extendedAt) < s.options.rollupInterval {
			return nil
		}
		marked := false
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM rollup_due WHERE epoch >= $1)", r.epoch).Scan(&marked)
		if err != nil || !marked {
			return err
		}
	}
	var epoch int64
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lockExclusiveWithin(ctx, tx, eligibilityLockTimeout, lockRegistry); err != nil {
			return err
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
	r.extendedAt, r.epoch = time.Now(), epoch
	return nil
}

// eligiblePartitions returns the starts of the partitions that have hours to
// make eligible, and for each the time up to which.
func (s *Store) eligiblePartitions(ctx context.Context, conn *pgx.Conn, r *rollupState) (starts, rolled []int64, err error) {
	now := s.options.nowMillis()
	limit := now - rollupDelay.Milliseconds()
	limit -= limit % hourMs
	rows, err := conn.Query(ctx, `
		SELECT start, finish, name, rolled, coalesce(pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid), 0)
		FROM reading_partition p LEFT JOIN pg_class c ON c.oid = to_regclass(quote_ident(p.name))
		WHERE start >= $1 AND finish <= $2 AND rolled < least(finish, $3) AND start < $3 AND sweep_series IS NULL`, minBoundedTime, maxBoundedTime, limit)
	if err != nil {
		return nil, nil, err
	}
	if r.partitionRows == nil {
		r.partitionRows = make(map[string]int64)
	}
	var p partition
	var name string
	var rolledSoFar, written int64
	_, err = pgx.ForEachRow(rows, []any{&p.start, &p.end, &name, &rolledSoFar, &written}, func() error {
		before, known := r.partitionRows[name]
		r.partitionRows[name] = written
		if p.end > now-alwaysEligibleMs || known && written-before <= quietPartitionRows || r.ignoreActivity {
			starts, rolled = append(starts, p.start), append(rolled, min(p.end, limit))
		}
		return nil
	})
	return starts, rolled, err
}

// inRollupTransaction runs f in a transaction in which no other session builds
// rollups or deletes readings.
func inRollupTransaction(ctx context.Context, conn *pgx.Conn, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lockExclusive(ctx, tx, lockRollup); err != nil {
			return err
		}
		return f(tx)
	})
}

// rebuildStale rebuilds the rollups of some marked hours and deletes the marks of
// earlier epochs. more reports whether marks are left.
func (s *Store) rebuildStale(ctx context.Context, conn *pgx.Conn, r *rollupState) (more bool, err error) {
	err = inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		builder, err := newRollupBuilder(ctx, tx)
		if err != nil {
			return err
		}
		var ids, starts []int64
		rows, err := tx.Query(ctx, `
			SELECT series_id, start FROM rollup_due WHERE epoch < $1
			GROUP BY series_id, start ORDER BY series_id, start LIMIT $2`, r.epoch, rollupBatchHours)
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
		for from < len(ids) && builder.pointsRead < rollupBatchPoints {
			to := from + 1 // consecutive hours are read together
			for to < len(ids) && ids[to] == ids[from] && starts[to] == starts[to-1]+hourMs {
				to++
			}
			if _, err := builder.build(ctx, "reading", ids[from], starts[from], starts[to-1]+hourMs, math.MaxInt); err != nil {
				return err
			}
			from = to
		}
		if err := builder.write(ctx); err != nil {
			return err
		}
		more = from < len(ids) || len(ids) == rollupBatchHours
		_, err = tx.Exec(ctx, `
			DELETE FROM rollup_due d USING unnest($1::bigint[], $2::bigint[]) AS done(id, start)
			WHERE d.series_id = done.id AND d.start = done.start AND d.epoch < $3`, ids[:from], starts[:from], r.epoch)
		return err
	})
	return more, err
}

// buildEligible continues to build the first rollups of newly eligible hours, in
// the newest partition that has any. more reports whether it found one.
func (s *Store) buildEligible(ctx context.Context, conn *pgx.Conn, _ *rollupState) (more bool, err error) {
	err = inRollupTransaction(ctx, conn, func(tx pgx.Tx) error {
		var p partition
		var from, to, at int64
		var series *int64 // nil when all series are done
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
		builder, err := newRollupBuilder(ctx, tx)
		if err != nil {
			return err
		}
		for n := 0; n < rollupBatchSeries && builder.pointsRead < rollupBatchPoints && series != nil; n++ {
			if at <= from { // start the next series
				at = from
				err := tx.QueryRow(ctx, "SELECT min(series_id) FROM "+p.table()+" WHERE series_id >= $1", *series).Scan(&series)
				if err != nil {
					return err
				}
				if series == nil {
					break
				}
			}
			if at, err = builder.build(ctx, p.table(), *series, at, to, rollupBatchPoints-builder.pointsRead); err != nil {
				return err
			}
			if at >= to {
				next := *series + 1
				series, at = &next, math.MinInt64
			}
		}
		if err := builder.write(ctx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE reading_partition SET sweep_series = $2, sweep_at = $3 WHERE start = $1", p.start, series, at)
		return err
	})
	return more, err
}

// deleteRollups deletes the rollups of the partition's hours that overlap the
// ranges [since, before) of the series ids. It must run in the transaction that
// deletes the readings.
func (p partition) deleteRollups(ctx context.Context, tx pgx.Tx, ids, since, before []int64) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM rollup r USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS e(id, since, before)
		WHERE r.series_id = e.id AND r.start >= $4 AND r.start < $5 AND r.start + $6 > e.since AND r.start < e.before`,
		ids, since, before, p.start, p.end, hourMs)
	return err
}

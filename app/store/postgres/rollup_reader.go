package postgres

import (
	"context"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// rollupReader fills the buckets of one series, in order of time: from rollups
// where valid ones fit, and from the points everywhere else.
type rollupReader struct {
	*seriesReader
	ctx     context.Context //nolint:containedctx // of the one query that this lives for
	series  seriesInfo
	buckets *store.BucketBuilder
	// The points in [rawFrom, rawTo) are still to be read.
	rawFrom, rawTo int64
}

// rollupRow is a row of the table rollup: either the hour or its minutes.
type rollupRow struct {
	start   int64
	hour    factory.Summary
	minutes []factory.Summary
}

// Numbers of rollups that are read at once. The first batch is small because
// many queries need no more.
const (
	minRollupBatch = 64
	maxRollupBatch = 1024
)

// minRollupRangeMs is the length of the shortest range for which rollups are
// read.
const minRollupRangeMs = hourMs / 2

// fillBuckets fills b with the data of s.
func (r *seriesReader) fillBuckets(ctx context.Context, s seriesInfo, b *store.BucketBuilder) error {
	from, to := r.clampToRetention(s, b.From), b.Query.To
	step := rollupStep(&b.Query, from, to)
	low, high := max(from, minBoundedTime), min(to, maxBoundedTime)
	if step == 0 || low >= high || high-low < minRollupRangeMs {
		return r.readPoints(ctx, s, from, to, b.Add)
	}
	f := rollupReader{seriesReader: r, ctx: ctx, series: s, buckets: b, rawFrom: from, rawTo: low}
	read := f.readHours
	if step == minuteMs {
		read = f.readMinutes
	}
	at := low - low%hourMs
	for limit := minRollupBatch; ; limit = maxRollupBatch {
		rows, err := read(at, high, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if more, err := f.addRow(row, low, high); err != nil || !more {
				return err
			}
		}
		if len(rows) < limit {
			break
		}
		at = rows[len(rows)-1].start + hourMs
	}
	f.rawTo = to
	_, err := f.addPoints()
	return err
}

// rollupStep returns the length of the rollups to read, an hour or a minute, if
// the bounds of the query's buckets are multiples of it, else 0.
func rollupStep(q *factory.BucketQuery, from, to int64) int64 {
	fits := func(step int64) bool {
		if q.Interval.Calendar == factory.Fixed {
			return q.Interval.Millis%step == 0
		}
		for _, at := range []int64{max(from, minBoundedTime), min(to, maxBoundedTime)} {
			zone := q.Location
			if zone == nil {
				zone = time.UTC
			}
			if _, offset := time.UnixMilli(at).In(zone).Zone(); int64(offset)*1000%step != 0 {
				return false
			}
		}
		return true
	}
	switch {
	case fits(hourMs):
		return hourMs
	case fits(minuteMs):
		return minuteMs
	}
	return 0
}

// addRow adds one row of a query for [low, high). more is false when the query's
// limit is reached.
func (f *rollupReader) addRow(row rollupRow, low, high int64) (more bool, err error) {
	f.rawTo = max(f.rawTo, row.start)
	end := min(high, row.start+hourMs)
	if row.minutes == nil {
		return f.addSummary(row.hour, row.start, end, low, high)
	}
	for _, minute := range row.minutes {
		start := minute.First.ObservedAt - minute.First.ObservedAt%minuteMs
		if start >= high {
			break
		}
		if f.rawFrom == f.rawTo { // there are no points between two minutes of a row
			f.rawFrom, f.rawTo = max(f.rawFrom, start), max(f.rawTo, start)
		}
		if more, err := f.addSummary(minute, start, min(high, start+minuteMs), low, high); err != nil || !more {
			return more, err
		}
	}
	if f.rawFrom == f.rawTo {
		f.rawFrom, f.rawTo = end, end
	}
	f.rawTo = max(f.rawTo, end)
	return true, nil
}

// addSummary adds the summary of the points in [start, end), or schedules the
// points themselves if the query or a bucket includes only some of them.
func (f *rollupReader) addSummary(s factory.Summary, start, end, low, high int64) (more bool, err error) {
	if s.First.ObservedAt < low || s.Last.ObservedAt >= high || !f.buckets.Fits(s.First.ObservedAt, s.Last.ObservedAt) {
		f.rawTo = max(f.rawTo, end)
		return true, nil
	}
	f.rawTo = max(f.rawTo, start)
	if more, err := f.addPoints(); err != nil || !more {
		return more, err
	}
	f.rawFrom, f.rawTo = end, end
	return f.buckets.Merge(s), nil
}

// addPoints reads and adds the points in [rawFrom, rawTo).
func (f *rollupReader) addPoints() (more bool, err error) {
	if f.rawFrom < f.rawTo {
		err = f.readPoints(f.ctx, f.series, f.rawFrom, f.rawTo, f.buckets.Add)
	}
	f.rawFrom = f.rawTo
	return !f.buckets.More, err
}

// validRollups selects the valid rollups of series $1 in [$2, $3).
const validRollups = ` FROM rollup r
	WHERE series_id = $1 AND start >= $2 AND start < $3 AND NOT EXISTS (
		SELECT FROM rollup_due d WHERE d.series_id = r.series_id AND d.start = r.start)`

// readHours returns the first rollups in [from, to), at most limit.
func (f *rollupReader) readHours(from, to int64, limit int) ([]rollupRow, error) {
	return f.readRows(`
		SELECT start, points, least, greatest, sum, carry, first_at, first_value, last_at, last_value, increase`+validRollups,
		from, to, limit, func(row pgx.CollectableRow) (r rollupRow, err error) {
			h := &r.hour
			var carry float64
			err = row.Scan(&r.start, &h.Count, &h.Min, &h.Max, &h.Sum, &carry,
				&h.First.ObservedAt, &h.First.Value, &h.Last.ObservedAt, &h.Last.Value, &h.Increase)
			r.hour = h.WithCarry(carry)
			return r, err
		})
}

// readMinutes is readHours for the minutes of the rollups that have them.
func (f *rollupReader) readMinutes(from, to int64, limit int) ([]rollupRow, error) {
	return f.readRows("SELECT start, minutes"+validRollups+" AND minutes IS NOT NULL",
		from, to, limit, func(row pgx.CollectableRow) (r rollupRow, err error) {
			var data []byte
			if err := row.Scan(&r.start, &data); err != nil {
				return r, err
			}
			var ok bool
			if r.minutes, ok = decodeMinutes(r.start, data); !ok || len(r.minutes) == 0 {
				return r, errUnexpectedResult
			}
			return r, nil
		})
}

func (f *rollupReader) readRows(sql string, from, to int64, limit int, scan pgx.RowToFunc[rollupRow]) ([]rollupRow, error) {
	ctx, cancel := f.store.options.statementContext(f.ctx)
	defer cancel()
	rows, err := f.tx.Query(ctx, sql+" ORDER BY start LIMIT $4", f.series.id, from, to, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

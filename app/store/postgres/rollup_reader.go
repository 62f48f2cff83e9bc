package postgres

import (
	"context"
	"time"

	"smart-factory-backend/app/factory"
)

// rollups fills the buckets of one series from rollups, where they are there
// and fit, and from the readings everywhere else, in order of time.
type rollupReader struct {
	*reader
	ctx     context.Context //nolint:containedctx // of the one query that this lives for
	series  seriesInfo
	buckets *bucketBuilder
	// From rawFrom to rawTo the readings are still to be taken.
	rawFrom, rawTo int64
}

// rolledUp is one row of the table rollup: the hour, or its minutes.
type rollupRow struct {
	start   int64
	hour    factory.Summary
	minutes []factory.Summary
}

// Numbers of rollups that are read at once. The first is small: often no more
// is wanted.
const (
	minRollupBatch = 64
	maxRollupBatch = 1024
)

// worthMs is the length of a range from which rollups are looked for.
const minRollupRangeMs = hourMs / 2

// fillBuckets puts what s has from from to to into b.
func (r *reader) fillBuckets(ctx context.Context, s seriesInfo, from, to int64, b *bucketBuilder) error {
	from = r.clampToRetention(s, from)
	step := b.rollupStep(from, to)
	low, high := max(from, minBoundedTime), min(to, maxBoundedTime)
	if step == 0 || low >= high || high-low < minRollupRangeMs {
		return r.readPoints(ctx, s, from, to, b.add)
	}
	f := rollupReader{reader: r, ctx: ctx, series: s, buckets: b, rawFrom: from, rawTo: low}
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
	_, err := f.addReadings()
	return err
}

// rollupStep is the length of those rollups that fit into the buckets of a
// query, as a rule; 0 is none.
func (b *bucketBuilder) rollupStep(from, to int64) int64 {
	q := &b.query
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

// take takes one row; low and high are what the whole query is about. more is
// false when no more is wanted.
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
		if f.rawFrom == f.rawTo { // nothing lies between two minutes of a row
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

// takeSummary takes what the readings from start to end come to, or those
// readings themselves where a bucket has only some of them.
func (f *rollupReader) addSummary(s factory.Summary, start, end, low, high int64) (more bool, err error) {
	if s.First.ObservedAt < low || s.Last.ObservedAt >= high || !f.buckets.fits(s.First.ObservedAt, s.Last.ObservedAt) {
		f.rawTo = max(f.rawTo, end)
		return true, nil
	}
	f.rawTo = max(f.rawTo, start)
	if more, err := f.addReadings(); err != nil || !more {
		return more, err
	}
	f.rawFrom, f.rawTo = end, end
	return f.buckets.merge(s), nil
}

// takeReadings takes the readings that are still to be taken.
func (f *rollupReader) addReadings() (more bool, err error) {
	if f.rawFrom < f.rawTo {
		err = f.readPoints(f.ctx, f.series, f.rawFrom, f.rawTo, f.buckets.add)
	}
	f.rawFrom = f.rawTo
	return !f.buckets.more, err
}

// countingRollups are those of a series in an interval of time that count, in
// order.
const validRollups = ` FROM rollup r
	WHERE series_id = $1 AND start >= $2 AND start < $3 AND NOT EXISTS (
		SELECT FROM rollup_due d WHERE d.series_id = r.series_id AND d.start = r.start)`

// readHours reads hours, at most limit.
func (f *rollupReader) readHours(from, to int64, limit int) (rows []rollupRow, err error) {
	ctx, cancel := f.store.options.statementContext(f.ctx)
	defer cancel()
	answer, err := f.tx.Query(ctx, `
		SELECT start, points, least, greatest, sum, carry, first_at, first_value, last_at, last_value, increase`+validRollups+
		" ORDER BY start LIMIT $4", f.series.id, from, to, limit)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	for answer.Next() {
		var row rollupRow
		var carry float64
		h := &row.hour
		err := answer.Scan(&row.start, &h.Count, &h.Min, &h.Max, &h.Sum, &carry,
			&h.First.ObservedAt, &h.First.Value, &h.Last.ObservedAt, &h.Last.Value, &h.Increase)
		if err != nil {
			return nil, err
		}
		row.hour = h.WithCarry(carry)
		rows = append(rows, row)
	}
	return rows, answer.Err()
}

// readMinutes reads the minutes of hours, at most limit.
func (f *rollupReader) readMinutes(from, to int64, limit int) (rows []rollupRow, err error) {
	ctx, cancel := f.store.options.statementContext(f.ctx)
	defer cancel()
	answer, err := f.tx.Query(ctx, "SELECT start, minutes"+validRollups+" AND minutes IS NOT NULL ORDER BY start LIMIT $4",
		f.series.id, from, to, limit)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	for answer.Next() {
		var row rollupRow
		var data []byte
		if err := answer.Scan(&row.start, &data); err != nil {
			return nil, err
		}
		minutes, ok := decodeMinutes(nil, row.start, data)
		if !ok || len(minutes) == 0 {
			return nil, errUnexpectedResult
		}
		row.minutes = minutes
		rows = append(rows, row)
	}
	return rows, answer.Err()
}

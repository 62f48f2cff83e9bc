package postgres

import (
	"context"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// rollupBuilder reads the points of series and builds their rollups, in one
// transaction. write stores what build has collected.
type rollupBuilder struct {
	tx         pgx.Tx
	pointsRead int
	buf        []factory.Point // reused by build

	ids, since, before []int64 // ranges that were read, by series
	rows               [][]any // rollups of those ranges

	// The hour that is being summarized.
	series  int64
	start   int64
	hour    factory.Summary
	minutes []factory.Summary
}

// newRollupBuilder returns a rollupBuilder on tx. It applies forceIndexOrder's
// settings to tx.
func newRollupBuilder(ctx context.Context, tx pgx.Tx) (*rollupBuilder, error) {
	for _, node := range disabledPlanNodes {
		if _, err := tx.Exec(ctx, "SET LOCAL "+node+" = off"); err != nil {
			return nil, err
		}
	}
	return &rollupBuilder{tx: tx}, nil
}

// rollupChunkPoints is the number of points that are read at once.
const rollupChunkPoints = 1 << 15

// build summarizes the points that table has of a series in [from, to). from is
// the start of an hour. Once it has read maxPoints, build stops at the next hour
// that it can. It returns the end of the range that it has summarized: to, or
// the start of an hour.
func (b *rollupBuilder) build(ctx context.Context, table string, series, from, to int64, maxPoints int) (until int64, err error) {
	b.series, b.start, b.hour, b.minutes = series, from, factory.Summary{}, b.minutes[:0]
	at, read := from, 0
	for {
		points, err := selectPoints(ctx, b.tx, table, series, at, to, rollupChunkPoints, &b.buf)
		if err != nil {
			return from, err
		}
		b.add(points)
		read += len(points)
		if len(points) < rollupChunkPoints {
			b.finishHour()
			until = to
			break
		}
		if read >= maxPoints && b.start > from {
			until = b.start // the last hour is incomplete
			break
		}
		at = points[len(points)-1].ObservedAt + 1
	}
	b.pointsRead += read
	b.ids, b.since, b.before = append(b.ids, series), append(b.since, from), append(b.before, until)
	return until, nil
}

// add adds the next points of the series.
func (b *rollupBuilder) add(points []factory.Point) {
	for len(points) > 0 {
		minute := points[0].ObservedAt - points[0].ObservedAt%minuteMs
		if hour := minute - minute%hourMs; hour != b.start {
			b.finishHour()
			b.start = hour
		}
		n := 1
		for n < len(points) && points[n].ObservedAt < minute+minuteMs {
			n++
		}
		if last := len(b.minutes) - 1; last < 0 || b.minutes[last].First.ObservedAt < minute {
			b.minutes = append(b.minutes, factory.Summary{})
		}
		b.minutes[len(b.minutes)-1].AddAll(points[:n])
		b.hour.AddAll(points[:n])
		points = points[n:]
	}
}

// finishHour adds the rollup of the current hour, if the hour has enough points.
func (b *rollupBuilder) finishHour() {
	if h := &b.hour; h.Count >= minHourPoints {
		var minutes []byte
		if h.Count >= int64(len(b.minutes))*minMinutePoints {
			minutes = encodeMinutes(b.start, b.minutes)
		}
		b.rows = append(b.rows, []any{
			b.series, b.start, h.Count, h.Min, h.Max, h.Sum, h.Carry(),
			h.First.ObservedAt, h.First.Value, h.Last.ObservedAt, h.Last.Value, h.Increase, minutes,
		})
	}
	b.hour, b.minutes = factory.Summary{}, b.minutes[:0]
}

// rollupColumns are the columns of rollupBuilder.rows.
var rollupColumns = []string{
	"series_id", "start", "points", "least", "greatest", "sum", "carry",
	"first_at", "first_value", "last_at", "last_value", "increase", "minutes",
}

// write replaces the rollups of the ranges that were read.
func (b *rollupBuilder) write(ctx context.Context) error {
	_, err := b.tx.Exec(ctx, `
		DELETE FROM rollup r USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS e(id, since, before)
		WHERE r.series_id = e.id AND r.start >= e.since AND r.start < e.before`, b.ids, b.since, b.before)
	if err != nil {
		return err
	}
	_, err = b.tx.CopyFrom(ctx, pgx.Identifier{"rollup"}, rollupColumns, pgx.CopyFromRows(b.rows))
	return err
}

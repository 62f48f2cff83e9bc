package postgres

import (
	"context"
	"encoding/binary"
	"math"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// roller sums up hours of series in a transaction and writes what they come to.
type rollupBuilder struct {
	tx         pgx.Tx
	pointsRead int // gone through so far
	buf        []factory.Point

	ids, since, before []int64 // what was gone through
	rows               [][]any // what comes of it

	series  int64
	start   int64 // of the hour at hand
	hour    factory.Summary
	minutes []factory.Summary
}

// newRoller returns a roller that works in tx, for which it sets what
// inIndexOrder sets for readers.
func newRollupBuilder(ctx context.Context, tx pgx.Tx) (*rollupBuilder, error) {
	for _, way := range disabledPlanNodes {
		if _, err := tx.Exec(ctx, "SET LOCAL "+way+" = off"); err != nil {
			return nil, err
		}
	}
	return &rollupBuilder{tx: tx}, nil
}

// rollChunk is how many readings are read at once.
const rollupChunkPoints = 1 << 15

// roll sums up the readings that a table has of a series from from on, which
// begins an hour, up to to, until there were about enough of them, and returns
// how far it got: to, or where an hour begins.
func (r *rollupBuilder) build(ctx context.Context, table string, series, from, to int64, enough int) (until int64, err error) {
	r.series, r.start, r.hour, r.minutes = series, from, factory.Summary{}, r.minutes[:0]
	at, read := from, 0
	for {
		points, err := r.readChunk(ctx, table, series, at, to)
		if err != nil {
			return from, err
		}
		r.add(points)
		read += len(points)
		if len(points) < rollupChunkPoints {
			r.finishHour()
			until = to
			break
		}
		if read >= enough && r.start > from {
			until = r.start // of that hour not all was read
			break
		}
		at = points[len(points)-1].ObservedAt + 1
	}
	r.pointsRead += read
	r.ids, r.since, r.before = append(r.ids, series), append(r.since, from), append(r.before, until)
	return until, nil
}

// read returns the next readings, valid until the next call.
func (r *rollupBuilder) readChunk(ctx context.Context, table string, series, from, to int64) ([]factory.Point, error) {
	rows, err := r.tx.Query(ctx, "SELECT at, value FROM "+table+" WHERE series_id = $1 AND at >= $2 AND at < $3 ORDER BY at LIMIT $4",
		series, from, to, rollupChunkPoints)
	if err != nil {
		return nil, err
	}
	r.buf, err = scanPoints(rows, r.buf[:0])
	return r.buf, err
}

// scanPoints appends the rows, each a time and a value, to points.
func scanPoints(rows pgx.Rows, points []factory.Point) ([]factory.Point, error) {
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues() // binary: the statement is a prepared one
		if len(raw) != 2 || len(raw[0]) != 8 || len(raw[1]) != 8 {
			return points, errUnexpectedResult
		}
		points = append(points, factory.Point{
			ObservedAt: int64(binary.BigEndian.Uint64(raw[0])),
			Value:      math.Float64frombits(binary.BigEndian.Uint64(raw[1])),
		})
	}
	return points, rows.Err()
}

// add takes the next readings of the series.
func (r *rollupBuilder) add(points []factory.Point) {
	for len(points) > 0 {
		minute := points[0].ObservedAt - points[0].ObservedAt%minuteMs
		if hour := minute - minute%hourMs; hour != r.start {
			r.finishHour()
			r.start = hour
		}
		n := 1
		for n < len(points) && points[n].ObservedAt < minute+minuteMs {
			n++
		}
		if last := len(r.minutes) - 1; last < 0 || r.minutes[last].First.ObservedAt < minute {
			r.minutes = append(r.minutes, factory.Summary{})
		}
		r.minutes[len(r.minutes)-1].AddAll(points[:n])
		r.hour.AddAll(points[:n])
		points = points[n:]
	}
}

// endHour makes a rollup of the hour at hand if that pays.
func (r *rollupBuilder) finishHour() {
	if h := &r.hour; h.Count >= minHourPoints {
		var minutes []byte
		if h.Count >= int64(len(r.minutes))*minMinutePoints {
			minutes = encodeMinutes(r.start, r.minutes)
		}
		r.rows = append(r.rows, []any{
			r.series, r.start, h.Count, h.Min, h.Max, h.Sum, h.Carry(),
			h.First.ObservedAt, h.First.Value, h.Last.ObservedAt, h.Last.Value, h.Increase, minutes,
		})
	}
	r.hour, r.minutes = factory.Summary{}, r.minutes[:0]
}

// rollupColumns are those of a row.
var rollupColumns = []string{
	"series_id", "start", "points", "least", "greatest", "sum", "carry",
	"first_at", "first_value", "last_at", "last_value", "increase", "minutes",
}

// write puts the rollups in the place of those that there were.
func (r *rollupBuilder) write(ctx context.Context) error {
	_, err := r.tx.Exec(ctx, `
		DELETE FROM rollup r USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS e(id, since, before)
		WHERE r.series_id = e.id AND r.start >= e.since AND r.start < e.before`, r.ids, r.since, r.before)
	if err != nil {
		return err
	}
	_, err = r.tx.CopyFrom(ctx, pgx.Identifier{"rollup"}, rollupColumns, pgx.CopyFromRows(r.rows))
	return err
}

package postgres

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// seriesInfo is a series as queries need it. Its metric has no version, times
// or limits.
type seriesInfo struct {
	id int64
	factory.Metric
}

// seriesReader reads series and points for one query. Its transaction sees a single
// snapshot of the database.
type seriesReader struct {
	store *Store
	tx    pgx.Tx
	now   int64
	buf   []factory.Point // reused by readChunk
}

func (s *Store) newReader(tx pgx.Tx) *seriesReader {
	return &seriesReader{store: s, tx: tx, now: s.options.nowMillis()}
}

// storableName reports whether name can exist in the database. PostgreSQL
// rejects parameters that are not UTF-8 or contain a zero byte.
func storableName(name string) bool {
	return name != "" && len(name) <= factory.MaxMetricBytes && utf8.ValidString(name) && !slices.Contains([]byte(name), 0)
}

// findSeries returns the given metrics of a machine, or all if metrics is
// empty, in order of their names. The machine may be a deleted one.
func (r *seriesReader) findSeries(ctx context.Context, machine string, metrics []string) (all []seriesInfo, err error) {
	if !storableName(machine) {
		return nil, store.MachineNotFound(machine)
	}
	rows, err := r.tx.Query(ctx, `
		SELECT s.id, s.metric, s.unit, s.kind, s.retention
		FROM machine m LEFT JOIN series s ON s.machine = m.id
		WHERE m.id = $1 ORDER BY s.metric`, machine)
	if err != nil {
		return nil, err
	}
	found := false
	var id, retention *int64
	var metric, unit, kind *string
	_, err = pgx.ForEachRow(rows, []any{&id, &metric, &unit, &kind, &retention}, func() error {
		found = true
		if id != nil {
			all = append(all, seriesInfo{*id, factory.Metric{
				Machine: machine, Name: *metric, Unit: *unit, Kind: factory.MetricKind(*kind), Retention: time.Duration(*retention),
			}})
		}
		return nil
	})
	if err == nil && !found {
		err = store.MachineNotFound(machine)
	}
	return store.SelectMetrics(all, metrics, func(s seriesInfo) string { return s.Name }), err
}

// clampToRetention returns from, or the time at which unexpired readings of s
// begin if that is later.
func (r *seriesReader) clampToRetention(s seriesInfo, from int64) int64 {
	return max(from, r.store.options.expiry(s.Retention, r.now))
}

// Numbers of points that are read at once. The first chunk is small because
// many queries need no more.
const (
	minChunkPoints = 2048
	maxChunkPoints = 1 << 16
)

// readPoints calls visit with the unexpired points of s in [from, to), in order
// and chunk by chunk, until visit returns false. visit must not keep the slice.
func (r *seriesReader) readPoints(ctx context.Context, s seriesInfo, from, to int64, visit func([]factory.Point) bool) error {
	limit := minChunkPoints
	for from, to := range r.store.partitions.layout().windows(r.clampToRetention(s, from), to) {
		for more := true; more; {
			points, err := r.readChunk(ctx, s.id, from, to, limit)
			if err != nil || len(points) > 0 && !visit(points) {
				return err
			}
			if more = len(points) == limit; more {
				from = points[len(points)-1].ObservedAt + 1
				limit = min(4*limit, maxChunkPoints)
			}
		}
	}
	return nil
}

// readChunk returns the first points of a series in [from, to), at most limit.
// They are valid until the next call.
func (r *seriesReader) readChunk(ctx context.Context, id, from, to int64, limit int) ([]factory.Point, error) {
	ctx, cancel := r.store.options.statementContext(ctx)
	defer cancel()
	return selectPoints(ctx, r.tx, "reading", id, from, to, limit, &r.buf)
}

// selectPoints returns the first points that table has of a series in
// [from, to), at most limit. They are stored in *buf.
func selectPoints(ctx context.Context, tx pgx.Tx, table string, series, from, to int64, limit int, buf *[]factory.Point) ([]factory.Point, error) {
	rows, err := tx.Query(ctx, "SELECT at, value FROM "+table+" WHERE series_id = $1 AND at >= $2 AND at < $3 ORDER BY at LIMIT $4",
		series, from, to, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	points := (*buf)[:0]
	for rows.Next() {
		raw := rows.RawValues() // in binary form, because the statement is prepared
		if len(raw) != 2 || len(raw[0]) != 8 || len(raw[1]) != 8 {
			return nil, errUnexpectedResult
		}
		points = append(points, factory.Point{
			ObservedAt: int64(binary.BigEndian.Uint64(raw[0])),
			Value:      math.Float64frombits(binary.BigEndian.Uint64(raw[1])),
		})
	}
	*buf = points
	return points, rows.Err()
}

// pointBefore returns the last unexpired point of s before at. ok is false if
// there is none.
func (r *seriesReader) pointBefore(ctx context.Context, s seriesInfo, at int64) (point factory.Point, ok bool, err error) {
	for from, to := range r.store.partitions.layout().windowsBackward(r.clampToRetention(s, minTime), at) {
		err := r.tx.QueryRow(ctx, `
			SELECT at, value FROM reading
			WHERE series_id = $1 AND at >= $2 AND at < $3 ORDER BY at DESC LIMIT 1`, s.id, from, to).Scan(&point.ObservedAt, &point.Value)
		if !isNoRows(err) {
			return point, err == nil, err
		}
	}
	return point, false, nil
}

// countPoints returns the number of unexpired points of s in [from, to).
func (r *seriesReader) countPoints(ctx context.Context, s seriesInfo, from, to int64) (total int, err error) {
	for from, to := range r.store.partitions.layout().windows(r.clampToRetention(s, from), to) {
		var n int
		if err := r.tx.QueryRow(ctx, "SELECT count(*) FROM reading WHERE series_id = $1 AND at >= $2 AND at < $3", s.id, from, to).Scan(&n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

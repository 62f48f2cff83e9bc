package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// shown is a series as a query gives it.
type seriesInfo struct {
	id        int64
	metric    string
	unit      string
	kind      factory.MetricKind
	retention time.Duration
}

// reader answers one query in one transaction, which sees one state of the
// database throughout.
type reader struct {
	store *Store
	tx    pgx.Tx
	now   int64
	buf   []factory.Point // memory
}

func (s *Store) newReader(tx pgx.Tx) *reader {
	return &reader{store: s, tx: tx, now: s.options.nowMillis()}
}

// askable reports whether the database can have such a name at all; it refuses
// to be asked for others.
func storableName(name string) bool {
	return name != "" && len(name) <= factory.MaxNameBytes && utf8.ValidString(name) && !slices.Contains([]byte(name), 0)
}

// seriesOf returns the series of a machine, deleted or not, in order of their
// metrics; those that are listed, or all if the list is empty.
func (r *reader) findSeries(ctx context.Context, machine string, metrics []string) (all []seriesInfo, err error) {
	unknown := fmt.Errorf("machine %q: %w", machine, factory.ErrNotFound)
	if !storableName(machine) {
		return nil, unknown
	}
	rows, err := r.tx.Query(ctx, `
		SELECT s.id, s.metric, s.unit, s.kind, s.retention
		FROM machine m LEFT JOIN series s ON s.machine = m.id
		WHERE m.id = $1 ORDER BY s.metric`, machine)
	if err != nil {
		return nil, err
	}
	listed := make(map[string]bool, len(metrics))
	for _, metric := range metrics {
		listed[metric] = true
	}
	known := false
	for rows.Next() {
		known = true
		var id, retention *int64
		var metric, unit, kind *string
		if err := rows.Scan(&id, &metric, &unit, &kind, &retention); err != nil {
			rows.Close()
			return nil, err
		}
		if id != nil && (len(metrics) == 0 || listed[*metric]) {
			all = append(all, seriesInfo{*id, *metric, *unit, factory.MetricKind(*kind), time.Duration(*retention)})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if !known {
		return nil, unknown
	}
	return all, nil
}

// since is from, or the time before which readings of s are expired.
func (r *reader) clampToRetention(s seriesInfo, from int64) int64 {
	return max(from, r.store.options.expiry(s.retention, r.now))
}

// Sizes of the pieces in which points are read. The first is small: often no
// more is wanted.
const (
	minChunkPoints = 2048
	maxChunkPoints = 1 << 16
)

// points calls take with the points of s from from to to that have not
// expired, in order, piece by piece, until it returns false. take must not
// keep the piece.
func (r *reader) readPoints(ctx context.Context, s seriesInfo, from, to int64, take func([]factory.Point) bool) (err error) {
	chunk := minChunkPoints
	r.store.partitions.layout().eachWindow(r.clampToRetention(s, from), to, func(from, to int64) bool {
		for {
			var points []factory.Point
			if points, err = r.readChunk(ctx, s.id, from, to, chunk); err != nil {
				return false
			}
			if len(points) > 0 && !take(points) {
				return false
			}
			if len(points) < chunk {
				return true
			}
			from = points[len(points)-1].ObservedAt + 1
			chunk = min(4*chunk, maxChunkPoints)
		}
	})
	return err
}

// some returns the first points of a series from from to to, at most limit,
// valid until the next call.
func (r *reader) readChunk(ctx context.Context, id, from, to int64, limit int) ([]factory.Point, error) {
	ctx, cancel := r.store.options.statementContext(ctx)
	defer cancel()
	rows, err := r.tx.Query(ctx, `
		SELECT at, value FROM reading
		WHERE series_id = $1 AND at >= $2 AND at < $3 ORDER BY at LIMIT $4`, id, from, to, limit)
	if err != nil {
		return nil, err
	}
	r.buf, err = scanPoints(rows, r.buf[:0])
	return r.buf, err
}

// before returns the last point of s before the time at that has not expired.
func (r *reader) pointBefore(ctx context.Context, s seriesInfo, at int64) (point factory.Point, ok bool, err error) {
	r.store.partitions.layout().eachWindowBackward(r.clampToRetention(s, minTime), at, func(from, to int64) bool {
		err = r.tx.QueryRow(ctx, `
			SELECT at, value FROM reading
			WHERE series_id = $1 AND at >= $2 AND at < $3 ORDER BY at DESC LIMIT 1`, s.id, from, to).Scan(&point.ObservedAt, &point.Value)
		switch {
		case err == nil:
			ok = true
		case isNoRows(err):
			err = nil
		}
		return err == nil && !ok
	})
	return point, ok, err
}

// count returns how many points of s there are from from to to that have not
// expired.
func (r *reader) countPoints(ctx context.Context, s seriesInfo, from, to int64) (n int, err error) {
	r.store.partitions.layout().eachWindow(r.clampToRetention(s, from), to, func(from, to int64) bool {
		var some int
		err = r.tx.QueryRow(ctx, "SELECT count(*) FROM reading WHERE series_id = $1 AND at >= $2 AND at < $3", s.id, from, to).Scan(&some)
		n += some
		return err == nil
	})
	return n, err
}

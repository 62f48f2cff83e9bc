package sqlite

import (
	"context"
	"database/sql/driver"
	"time"

	"smart-factory-backend/app/factory"
)

// seriesReader answers one query. It takes a connection only when there are
// chunks to read.
type seriesReader struct {
	ctx       context.Context //nolint:containedctx // it lives as long as one query
	readers   *readPool
	sealer    *sealer
	now       int64 // in Unix milliseconds
	retention time.Duration
	conn      *conn
	failed    bool
	scratch   []factory.Point
}

func (s *Store) newSeriesReader(ctx context.Context) *seriesReader {
	return &seriesReader{
		ctx: ctx, readers: s.readers, sealer: s.sealer,
		now: s.options.now().UnixMilli(), retention: s.options.Retention,
	}
}

// connect takes a connection unless there is one.
func (r *seriesReader) connect() (err error) {
	if r.conn == nil {
		r.conn, err = r.readers.get(r.ctx)
	}
	return err
}

// close gives the connection back.
func (r *seriesReader) close() {
	if r.conn != nil {
		r.readers.put(r.conn, r.failed)
	}
}

// query is that of the connection, which is not used again if it fails.
func (r *seriesReader) query(query string, row func([]driver.Value) error, args ...driver.Value) error {
	if err := r.connect(); err != nil {
		return err
	}
	err := r.conn.query(query, row, args...)
	if err != nil {
		r.failed = true
	}
	return err
}

// decode appends the points of a chunk. One that is damaged has none: what
// else there is, is served, and the sealer sets the chunk aside and reports it.
func (r *seriesReader) decode(s *series, id int64, data []byte, points []factory.Point) []factory.Point {
	decoded, err := decodeChunk(points, data)
	if err != nil {
		r.sealer.reportDamage(id, s.key, err)
		return points
	}
	return decoded
}

// chunkPoints appends the points of a chunk to points; data is nil where it
// has not been read yet.
func (r *seriesReader) chunkPoints(s *series, id int64, data driver.Value, points []factory.Point) ([]factory.Point, error) {
	if data != nil {
		return r.decode(s, id, asBytes(data), points), nil
	}
	err := r.query("SELECT data FROM chunk WHERE id = ?", func(v []driver.Value) error {
		points = r.decode(s, id, asBytes(v[0]), points)
		return nil
	}, id)
	return points, err
}

// eachChunk decodes the chunks that query selects by id and data. The points
// are valid until take returns.
func (r *seriesReader) eachChunk(query string, s *series, yield func([]factory.Point) error, args ...driver.Value) error {
	return r.query(query, func(v []driver.Value) error {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		r.scratch = r.decode(s, asInt(v[0]), asBytes(v[1]), r.scratch[:0])
		return yield(r.scratch)
	}, args...)
}

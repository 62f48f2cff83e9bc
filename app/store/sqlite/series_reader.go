package sqlite

import (
	"context"
	"database/sql/driver"
	"time"

	"smart-factory-backend/app/factory"
)

// seriesReader answers one query. It gets a connection only if it has to read
// the file.
type seriesReader struct {
	ctx       context.Context //nolint:containedctx // a seriesReader lives as long as one query
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

// connect gets a connection unless the reader has one.
func (r *seriesReader) connect() (err error) {
	if r.conn == nil {
		r.conn, err = r.readers.get(r.ctx)
	}
	return err
}

// close returns the connection.
func (r *seriesReader) close() {
	if r.conn != nil {
		r.readers.put(r.conn, r.failed)
	}
}

// query is conn.query on the reader's connection. After an error the
// connection is not reused.
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

// decode appends the points of a chunk. A damaged chunk is skipped and
// reported to the sealer, which moves it to the quarantine.
func (r *seriesReader) decode(s *series, id int64, data []byte, points []factory.Point) []factory.Point {
	decoded, err := decodeChunk(points, data)
	if err != nil {
		r.sealer.reportDamage(id, s.key, err)
		return points
	}
	return decoded
}

// chunkPoints appends the points of a chunk. It reads the data from the file
// if data is nil.
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

// eachChunk decodes the chunks whose id and data query selects. The points are
// valid until yield returns.
func (r *seriesReader) eachChunk(query string, s *series, yield func([]factory.Point) error, args ...driver.Value) error {
	return r.query(query, func(v []driver.Value) error {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		r.scratch = r.decode(s, asInt(v[0]), asBytes(v[1]), r.scratch[:0])
		return yield(r.scratch)
	}, args...)
}

package sqlite

import (
	"time"

	"smart-factory-backend/app/factory"
)

// Tuning are the settings of Options that only tests change.
type Tuning struct {
	SealEvery, ProbeEvery time.Duration
	Now                   func() time.Time
	AroundCommit          func(commit func() error) error
}

// Tuned returns o with the settings of t.
func (o Options) Tuned(t Tuning) Options {
	o.sealEvery, o.probeEvery, o.now, o.aroundCommit = t.SealEvery, t.ProbeEvery, t.Now, t.AroundCommit
	return o
}

// SealNow seals all points that are in memory, as the sealer would in time.
func (s *Store) SealNow() error { return s.sealer.report(s.sealer.round(nil, true)) }

// QueryInt runs a query on the connection that writes.
func (s *Store) QueryInt(query string) (n int64, err error) {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return s.writer.conn.queryInt(query)
}

// Change runs a statement on the file at path, which no Store has open.
func Change(path, statement string) (err error) {
	c, err := openConn(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
	}()
	return c.once(statement)
}

// EncodeChunk and the others below are the codecs.
func EncodeChunk(points []factory.Point) []byte { return appendChunk(nil, points) }

func DecodeChunk(data []byte) ([]factory.Point, error) { return decodeChunk(nil, data) }

// EncodeLog makes a log row in which points[i] belongs to ids[i].
func EncodeLog(ids []int64, points []factory.Point) []byte {
	var e logEncoder
	e.begin(len(points))
	for i, p := range points {
		e.add(ids[i], p)
	}
	return e.finish()
}

func DecodeLog(data []byte, add func(id int64, p factory.Point) error) error {
	return decodeLog(data, add)
}

// HistoryCursor makes the cursor that continues after a point.
func HistoryCursor(machine, metric string, at int64) string {
	return encodeCursor(historyCursor, position{key{machine, metric}, at})
}

func DecodeHistoryCursor(cursor string) (machine, metric string, at int64, err error) {
	p, err := decodeCursor(historyCursor, cursor)
	return p.machine, p.metric, p.at, err
}

// What Open goes by when it refuses.
var (
	MountType     = mountType
	NetworkMagics = networkMagics
	NetworkFuse   = networkFuse
	OlderVersion  = olderVersion
	OldestSQLite  = oldestSQLite
)

// SealOften has the sealer of o look for work all the time.
func SealOften(o *Options) { o.sealEvery = time.Millisecond }

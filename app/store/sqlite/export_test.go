package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"time"

	"smart-factory-backend/app/factory"
)

// Tuning has the settings of Options that only tests change.
type Tuning struct {
	SealEvery, ProbeEvery time.Duration
	Now                   func() time.Time
	MaintainEvery         time.Duration
	RestoreAfter          time.Duration
	AroundCommit          func(commit func() error) error
	VFS                   string
	OpenWAL               func(path string) (WALFile, error)
}

// WALFile is what rewriteWAL needs of a file.
type WALFile = walFile

// WithTuning returns o with the settings of t.
func (o Options) WithTuning(t Tuning) Options {
	o.sealEvery, o.probeEvery, o.now, o.aroundCommit = t.SealEvery, t.ProbeEvery, t.Now, t.AroundCommit
	o.maintainEvery, o.restoreAfter, o.vfs = t.MaintainEvery, t.RestoreAfter, t.VFS
	o.openWAL = t.OpenWAL
	return o
}

// SealNow seals all points in memory and does the maintenance.
func (s *Store) SealNow() error { return s.sealer.reportFault(s.sealer.runOnce(nil, true)) }

// QueryInt runs a query on the write connection.
func (s *Store) QueryInt(query string) (n int64, err error) {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return s.writer.conn.queryInt(query)
}

// ExecOnFile runs a statement on the file at path, which no Store has open.
func ExecOnFile(path, statement string) (err error) {
	if file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640); err != nil {
		return err
	} else if err := file.Close(); err != nil {
		return err
	}
	c, err := openConn(&databaseFile{path: path})
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
	}()
	return c.execOnce(statement)
}

// CreateSchemaV1File creates a file of the first release: one series with the
// points, in chunks of perChunk points.
func CreateSchemaV1File(path, machine, metric string, points []factory.Point, perChunk int) (err error) {
	file := &databaseFile{path: path}
	if err := file.create(); err != nil {
		return err
	}
	c, err := openWriter(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	statements := append([]string{"PRAGMA page_size = 8192", "PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL"}, migrations[0]...)
	statements = append(statements, fmt.Sprintf("PRAGMA application_id = %d", applicationID), "PRAGMA user_version = 1")
	for _, statement := range statements {
		if err := c.execDiscard(statement); err != nil {
			return err
		}
	}
	if err := c.exec("INSERT INTO series (id, machine, metric) VALUES (1, ?, ?)", machine, metric); err != nil {
		return err
	}
	for part := range slices.Chunk(points, perChunk) {
		var f factory.Summary
		f.AddAll(part)
		err := c.exec("INSERT INTO chunk (series_id, t0, t1, n, vlast, vmin, vmax, vsum, data) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
			f.First.ObservedAt, f.Last.ObservedAt, f.Count, asBits(f.Last.Value), f.Min, f.Max, f.Sum, EncodeChunkV1(part))
		if err != nil {
			return err
		}
	}
	return nil
}

// EncodeChunkV1 encodes points in version 1, as the first release did.
func EncodeChunkV1(points []factory.Point) []byte {
	out := []byte{chunkVersion1}
	out = binary.AppendUvarint(out, uint64(len(points)))
	out = appendTimesV1(out, points)
	out = appendXOR(out, points)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

func appendTimesV1(out []byte, points []factory.Point) []byte {
	var last, step int64
	for i, p := range points {
		// Differences may wrap around; decoding wraps back.
		delta := p.ObservedAt - last
		if i < 2 {
			out = binary.AppendVarint(out, delta)
		} else {
			out = binary.AppendVarint(out, delta-step)
		}
		last, step = p.ObservedAt, delta
	}
	return out
}

// EncodeChunk and the functions below open the codecs to tests.
func EncodeChunk(points []factory.Point) []byte { return appendChunk(nil, points) }

// EncodeRollup encodes a rollup of points with entries of so many
// milliseconds, and returns the summaries that decoding must return.
func EncodeRollup(points []factory.Point, entry int64, counter bool) (data []byte, want []factory.Summary) {
	entries := addEntries(nil, points, entry)
	for _, e := range entries {
		sum, carry := roundedSum(&e.Summary)
		e.Summary = e.WithCarry(carry)
		e.Sum = sum
		if !counter {
			e.Increase = 0
		}
		want = append(want, e.Summary)
	}
	return appendRollup(nil, entries, counter), want
}

func DecodeRollup(data []byte) (summaries []factory.Summary, hasIncrease bool, err error) {
	entries, _, hasIncrease, err := decodeRollup(nil, nil, data)
	for _, e := range entries {
		summaries = append(summaries, e.Summary)
	}
	return summaries, hasIncrease, err
}

func DecodeChunk(data []byte) ([]factory.Point, error) { return decodeChunk(nil, data) }

// EncodeLog encodes a log row in which points[i] belongs to the series ids[i].
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

// These decide whether Open refuses a file.
var (
	MountType     = mountType
	NetworkMagics = networkMagics
	NetworkFuse   = networkFuse
	OlderVersion  = olderVersion
	OldestSQLite  = oldestSQLite
)

// SealOften makes the sealer look for work every millisecond.
func SealOften(o *Options) { o.sealEvery = time.Millisecond }

// Exec runs a statement on the write connection.
func (s *Store) Exec(statement string) error {
	return s.writer.transact(func(c *conn) error { return c.execOnce(statement) })
}

// RollupReadBatch is how many rollups a query reads at once.
const RollupReadBatch = rollupReadBatch

package sqlite

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"smart-factory-backend/app/factory"
)

// A row of the ingest log holds one commit group:
//
//	version   1 byte, logVersion
//	n         uvarint, the number of readings
//	readings  n times: series id (uvarint), time difference (varint), value (8 bytes)
//	checksum  4 bytes, CRC-32C of everything before it, little endian
//
// Numbers of fixed size are little endian. A row is written once and read only
// by recovery, so the format favors fast encoding.
const (
	logVersion = 1
	// logEntryBytes is the minimum size of a reading.
	logEntryBytes = 10
	// logRowOverhead estimates the size of a row apart from its data.
	logRowOverhead = 64
)

// logEncoder encodes rows into a buffer that it reuses.
type logEncoder struct {
	buf  []byte
	last int64
}

// begin starts a row with n readings.
func (e *logEncoder) begin(n int) {
	e.buf = append(e.buf[:0], logVersion)
	e.buf = binary.AppendUvarint(e.buf, uint64(n))
	e.last = 0
}

// add appends one of the n readings.
func (e *logEncoder) add(series int64, p factory.Point) {
	e.buf = binary.AppendUvarint(e.buf, uint64(series))
	e.buf = binary.AppendVarint(e.buf, p.ObservedAt-e.last)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(p.Value))
	e.last = p.ObservedAt
}

// finish returns the row. It is valid until the next begin.
func (e *logEncoder) finish() []byte {
	e.buf = binary.LittleEndian.AppendUint32(e.buf, crc32.Checksum(e.buf, castagnoli))
	return e.buf
}

// decodeLog calls add for each reading of a row, in order. It returns
// ErrCorrupt for input that logEncoder does not produce.
func decodeLog(data []byte, add func(series int64, p factory.Point) error) error {
	body, err := checkedBody(data)
	if err != nil {
		return err
	}
	if body[0] != logVersion {
		return fmt.Errorf("log version %d is unknown: %w", body[0], ErrCorrupt)
	}
	body = body[1:]
	n, size := binary.Uvarint(body)
	if size <= 0 || n > uint64(len(body)/logEntryBytes) {
		return fmt.Errorf("log count: %w", ErrCorrupt)
	}
	body = body[size:]
	var at int64
	for i := range n {
		series, idSize := binary.Uvarint(body)
		if idSize <= 0 || series > math.MaxInt64 {
			return fmt.Errorf("log reading %d: %w", i, ErrCorrupt)
		}
		delta, timeSize := binary.Varint(body[idSize:])
		if timeSize <= 0 || len(body) < idSize+timeSize+8 {
			return fmt.Errorf("log reading %d: %w", i, ErrCorrupt)
		}
		at += delta
		value := math.Float64frombits(binary.LittleEndian.Uint64(body[idSize+timeSize:]))
		body = body[idSize+timeSize+8:]
		if err := add(int64(series), factory.Point{ObservedAt: at, Value: value}); err != nil {
			return err
		}
	}
	if len(body) > 0 {
		return fmt.Errorf("log row has %d trailing bytes: %w", len(body), ErrCorrupt)
	}
	return nil
}

// trimmableLog returns the row before which the next transaction may delete
// the log, provided that the batch is sealed, and the bytes that this frees.
// upto 0 means that there is nothing to delete.
func (z *sealer) trimmableLog() (upto, freed int64, err error) {
	err = z.conn.query("SELECT seq, length(data) FROM ingest_log WHERE seq < ? ORDER BY seq LIMIT ?",
		func(v []driver.Value) error {
			upto = asInt(v[0]) + 1
			freed += asInt(v[1]) + logRowOverhead
			if freed >= trimLogBytes {
				return errStop
			}
			return nil
		}, z.sealQueue.firstNeededRow(), int64(trimLogRows))
	return upto, freed, err
}

// trimLogLocked deletes the log rows that recovery no longer needs.
func (z *sealer) trimLogLocked() error {
	for {
		upto, freed, err := z.trimmableLog()
		if err != nil || upto == 0 {
			return err
		}
		if err := z.writeChunks(&chunkBatch{}, upto); err != nil {
			return err
		}
		z.logBytes.Add(-freed)
	}
}

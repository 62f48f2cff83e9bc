package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// row is a row of the table reading.
type row struct {
	series, at int64
	value      float64
	sequence   int // order of arrival
}

// batch is what one commit writes. A committer reuses its memory.
type batch struct {
	rows   []row
	newest []row // the last row of each series
	oldest int64 // the earliest time of all rows
	buf    []byte
}

// fill replaces the batch by the entries of group that were not rejected. Rows
// are sorted by key, so that concurrent commits lock keys in the same order. Of
// several entries with the same key only the last one is kept.
func (b *batch) fill(group []*request) {
	b.rows, b.newest = b.rows[:0], b.newest[:0]
	for _, r := range group {
		for i := range r.entries {
			if e := &r.entries[i]; e.series != nil {
				b.rows = append(b.rows, row{e.series.id, e.point.ObservedAt, e.point.Value, len(b.rows)})
			}
		}
	}
	slices.SortFunc(b.rows, func(x, y row) int {
		return cmp.Or(cmp.Compare(x.series, y.series), cmp.Compare(x.at, y.at), cmp.Compare(x.sequence, y.sequence))
	})
	kept := b.rows[:0]
	for _, r := range b.rows {
		if n := len(kept); n > 0 && kept[n-1].series == r.series && kept[n-1].at == r.at {
			kept[n-1] = r
			continue
		}
		kept = append(kept, r)
	}
	b.rows, b.oldest = kept, math.MaxInt64
	for i, r := range kept {
		b.oldest = min(b.oldest, r.at)
		if i+1 == len(kept) || kept[i+1].series != r.series {
			b.newest = append(b.newest, r)
		}
	}
}

// appendSQL is the statement that stores a batch; params returns its parameters.
const appendSQL = "SELECT append_readings($1, $2, $3, $4, $5, $6, $7, $8, $9)"

var (
	appendOIDs = []uint32{
		pgtype.Int8OID, pgtype.Int8OID, pgtype.Int8OID,
		pgtype.Int8ArrayOID, pgtype.Int8ArrayOID, pgtype.Float8ArrayOID,
		pgtype.Int8ArrayOID, pgtype.Int8ArrayOID, pgtype.Float8ArrayOID,
	}
	binaryParams  = []int16{1, 1, 1, 1, 1, 1, 1, 1, 1}
	binaryResults = []int16{1}
)

// params returns the parameters of appendSQL in binary format. They are valid
// until the next call.
func (b *batch) params(version, lockKey int64) [][]byte {
	b.buf = b.buf[:0]
	params := make([][]byte, 0, len(appendOIDs))
	param := func(write func()) {
		start := len(b.buf)
		write()
		params = append(params, b.buf[start:]) // stays valid when b.buf is reallocated
	}
	array := func(elementOID uint32, rows []row, bits func(r *row) uint64) {
		param(func() {
			b.appendArrayHeader(elementOID, len(rows))
			for i := range rows {
				b.buf = binary.BigEndian.AppendUint32(b.buf, 8) // length of the element
				b.buf = binary.BigEndian.AppendUint64(b.buf, bits(&rows[i]))
			}
		})
	}
	for _, v := range []int64{version, lockKey, b.oldest} {
		param(func() { b.buf = binary.BigEndian.AppendUint64(b.buf, uint64(v)) })
	}
	for _, rows := range [][]row{b.rows, b.newest} {
		array(pgtype.Int8OID, rows, func(r *row) uint64 { return uint64(r.series) })
		array(pgtype.Int8OID, rows, func(r *row) uint64 { return uint64(r.at) })
		array(pgtype.Float8OID, rows, func(r *row) uint64 { return math.Float64bits(r.value) })
	}
	return params
}

// appendArrayHeader appends the header of an array of n elements: number of
// dimensions, flag for nulls, element type, number of elements, first index.
func (b *batch) appendArrayHeader(elementOID uint32, n int) {
	header := []uint32{1, 0, elementOID, uint32(n), 1}
	if n == 0 {
		header = []uint32{0, 0, elementOID}
	}
	for _, field := range header {
		b.buf = binary.BigEndian.AppendUint32(b.buf, field)
	}
}

// write executes appendSQL in one round trip, as a transaction of its own unless
// conn is in one. version is the registry's version that the rows were checked
// against, lockKey the key of lockRegistry. If the version is outdated, write
// stores nothing and returns errStaleRegistry.
func (b *batch) write(ctx context.Context, conn *pgx.Conn, version, lockKey int64) error {
	result := conn.PgConn().ExecParams(ctx, appendSQL, b.params(version, lockKey), appendOIDs, binaryParams, binaryResults).Read()
	if result.Err != nil {
		return result.Err
	}
	if len(result.Rows) != 1 || len(result.Rows[0]) != 1 || len(result.Rows[0][0]) != 1 {
		return errUnexpectedResult
	}
	if result.Rows[0][0][0] != 1 {
		return errStaleRegistry
	}
	return nil
}

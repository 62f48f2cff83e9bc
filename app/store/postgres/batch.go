package postgres

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// row is a reading as the database has it.
type row struct {
	series, at int64
	value      float64
	sequence   int // in which it came
}

// batch is what one commit writes. Its memory is used again.
type batch struct {
	rows   []row
	newest []row // the last of each series
	oldest int64 // the time that none is before
	buf    []byte
}

// fill takes the entries of the group that are not rejected: sorted, so that
// concurrent commits lock the same keys in the same order, and of each key the
// one that came last.
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

// appendSQL is the statement that params are for.
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

// params are the parameters of appendSQL in the binary form, valid until the
// next call.
func (b *batch) params(version, guard int64) [][]byte {
	b.buf = b.buf[:0]
	params := make([][2]int, 0, len(appendOIDs))
	param := func(write func()) {
		start := len(b.buf)
		write()
		params = append(params, [2]int{start, len(b.buf)})
	}
	param(func() { b.appendInt8(version) })
	param(func() { b.appendInt8(guard) })
	param(func() { b.appendInt8(b.oldest) })
	for _, rows := range [][]row{b.rows, b.newest} {
		param(func() {
			b.appendArrayHeader(pgtype.Int8OID, len(rows))
			for i := range rows {
				b.appendElement(uint64(rows[i].series))
			}
		})
		param(func() {
			b.appendArrayHeader(pgtype.Int8OID, len(rows))
			for i := range rows {
				b.appendElement(uint64(rows[i].at))
			}
		})
		param(func() {
			b.appendArrayHeader(pgtype.Float8OID, len(rows))
			for i := range rows {
				b.appendElement(math.Float64bits(rows[i].value))
			}
		})
	}
	values := make([][]byte, len(params))
	for i, p := range params {
		values[i] = b.buf[p[0]:p[1]]
	}
	return values
}

func (b *batch) appendInt8(v int64) { b.buf = binary.BigEndian.AppendUint64(b.buf, uint64(v)) }

// arrayHeader begins an array of n elements: dimensions, whether one is null,
// the elements' type, their number, and the first index.
func (b *batch) appendArrayHeader(element uint32, n int) {
	dimensions := uint32(1)
	if n == 0 {
		dimensions = 0
	}
	b.buf = binary.BigEndian.AppendUint32(b.buf, dimensions)
	b.buf = binary.BigEndian.AppendUint32(b.buf, 0)
	b.buf = binary.BigEndian.AppendUint32(b.buf, element)
	if n > 0 {
		b.buf = binary.BigEndian.AppendUint32(b.buf, uint32(n))
		b.buf = binary.BigEndian.AppendUint32(b.buf, 1)
	}
}

// element adds eight bytes, with their length before them.
func (b *batch) appendElement(bits uint64) {
	b.buf = binary.BigEndian.AppendUint32(b.buf, 8)
	b.buf = binary.BigEndian.AppendUint64(b.buf, bits)
}

// accepted reads the answer to appendSQL.
func parseAppendResult(answer *pgconn.Result) (bool, error) {
	if answer.Err != nil {
		return false, answer.Err
	}
	if len(answer.Rows) != 1 || len(answer.Rows[0]) != 1 || len(answer.Rows[0][0]) != 1 {
		return false, errUnexpectedResult
	}
	return answer.Rows[0][0][0] == 1, nil
}

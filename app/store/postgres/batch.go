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
	order      int // in which it came
}

// batch is what one commit writes. Its memory is used again.
type batch struct {
	rows   []row
	newest []row // the last of each series
	oldest int64 // the time that none is before
	memory []byte
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
		return cmp.Or(cmp.Compare(x.series, y.series), cmp.Compare(x.at, y.at), cmp.Compare(x.order, y.order))
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
	b.memory = b.memory[:0]
	params := make([][2]int, 0, len(appendOIDs))
	param := func(write func()) {
		start := len(b.memory)
		write()
		params = append(params, [2]int{start, len(b.memory)})
	}
	param(func() { b.int8(version) })
	param(func() { b.int8(guard) })
	param(func() { b.int8(b.oldest) })
	for _, rows := range [][]row{b.rows, b.newest} {
		param(func() {
			b.arrayHeader(pgtype.Int8OID, len(rows))
			for i := range rows {
				b.element(uint64(rows[i].series))
			}
		})
		param(func() {
			b.arrayHeader(pgtype.Int8OID, len(rows))
			for i := range rows {
				b.element(uint64(rows[i].at))
			}
		})
		param(func() {
			b.arrayHeader(pgtype.Float8OID, len(rows))
			for i := range rows {
				b.element(math.Float64bits(rows[i].value))
			}
		})
	}
	values := make([][]byte, len(params))
	for i, p := range params {
		values[i] = b.memory[p[0]:p[1]]
	}
	return values
}

func (b *batch) int8(v int64) { b.memory = binary.BigEndian.AppendUint64(b.memory, uint64(v)) }

// arrayHeader begins an array of n elements: dimensions, whether one is null,
// the elements' type, their number, and the first index.
func (b *batch) arrayHeader(element uint32, n int) {
	dimensions := uint32(1)
	if n == 0 {
		dimensions = 0
	}
	b.memory = binary.BigEndian.AppendUint32(b.memory, dimensions)
	b.memory = binary.BigEndian.AppendUint32(b.memory, 0)
	b.memory = binary.BigEndian.AppendUint32(b.memory, element)
	if n > 0 {
		b.memory = binary.BigEndian.AppendUint32(b.memory, uint32(n))
		b.memory = binary.BigEndian.AppendUint32(b.memory, 1)
	}
}

// element adds eight bytes, with their length before them.
func (b *batch) element(bits uint64) {
	b.memory = binary.BigEndian.AppendUint32(b.memory, 8)
	b.memory = binary.BigEndian.AppendUint64(b.memory, bits)
}

// accepted reads the answer to appendSQL.
func accepted(answer *pgconn.Result) (bool, error) {
	if answer.Err != nil {
		return false, answer.Err
	}
	if len(answer.Rows) != 1 || len(answer.Rows[0]) != 1 || len(answer.Rows[0][0]) != 1 {
		return false, errConfused
	}
	return answer.Rows[0][0][0] == 1, nil
}

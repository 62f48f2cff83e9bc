package sqlite

import (
	"encoding/binary"
	"fmt"
	"slices"

	"smart-factory-backend/app/factory"
)

// The data of a rollup is
//
//	version  1 byte, rollupVersion
//	columns  each its length (uvarint) and a chunk: the first points and the last
//	         points; then, at the times 0, 1, 2, …, the minimum, the maximum,
//	         the sum, the count, the rounding error of the sum, and for a
//	         counter the increase
//
// Version 1 has no rounding error of the sum, so its sums are rounded twice.
const (
	rollupVersion  = 2
	rollupVersion1 = 1
	rollupColumns  = 7
)

// appendRollup appends the encoding of entries, of which there is at least
// one.
func appendRollup(out []byte, entries []rollupEntry, counter bool) []byte {
	out = append(out, rollupVersion)
	points := make([]factory.Point, len(entries))
	var column []byte
	add := func(point func(i int, e *rollupEntry) factory.Point) {
		for i := range entries {
			points[i] = point(i, &entries[i])
		}
		column = appendChunk(column[:0], points)
		out = binary.AppendUvarint(out, uint64(len(column)))
		out = append(out, column...)
	}
	add(func(_ int, e *rollupEntry) factory.Point { return e.First })
	add(func(_ int, e *rollupEntry) factory.Point { return e.Last })
	addValues := func(value func(*factory.Summary) float64) {
		add(func(i int, e *rollupEntry) factory.Point {
			return factory.Point{ObservedAt: int64(i), Value: value(&e.Summary)}
		})
	}
	addValues(func(s *factory.Summary) float64 { return s.Min })
	addValues(func(s *factory.Summary) float64 { return s.Max })
	addValues(func(s *factory.Summary) float64 { sum, _ := roundedSum(s); return sum })
	addValues(func(s *factory.Summary) float64 { return float64(s.Count) })
	addValues(func(s *factory.Summary) float64 { _, carry := roundedSum(s); return carry })
	if counter {
		addValues(func(s *factory.Summary) float64 { return s.Increase })
	}
	return out
}

// roundedSum returns the sum of s and its rounding error. The error is rounded
// to a float32: that precision is more than enough and takes half the space.
func roundedSum(s *factory.Summary) (sum, carry float64) {
	folded := *s
	folded.Fold()
	carry = float64(float32((s.Sum - folded.Sum) + s.Carry()))
	if factory.ValidateValue(carry) != nil { // the sum overflows a double
		carry = 0
	}
	return folded.Sum, carry
}

// decodeRollup returns the entries of data without their start, and whether
// they have the increase of a counter. It returns ErrCorrupt for input that
// appendRollup does not produce. It reuses the memory of entries and points
// and returns points for the next call.
func decodeRollup(entries []rollupEntry, points []factory.Point, data []byte) (_ []rollupEntry, _ []factory.Point, hasIncrease bool, err error) {
	if len(data) == 0 || data[0] != rollupVersion && data[0] != rollupVersion1 {
		return nil, points, false, fmt.Errorf("rollup version: %w", ErrCorrupt)
	}
	version1 := data[0] == rollupVersion1
	data = data[1:]
	entries = entries[:0]
	for column := 0; len(data) > 0; column++ {
		if version1 && column == carryColumn {
			column++
		}
		size, length := binary.Uvarint(data)
		if length <= 0 || size > uint64(len(data)-length) || column > rollupColumns {
			return nil, points, false, fmt.Errorf("rollup column %d: %w", column, ErrCorrupt)
		}
		decoded, err := decodeChunk(points[:0], data[length:][:size])
		if err != nil {
			return nil, points, false, err
		}
		points = decoded
		data = data[length:][size:]
		if column == 0 {
			entries = slices.Grow(entries, len(points))[:len(points)]
			clear(entries)
		}
		if len(points) != len(entries) {
			return nil, points, false, fmt.Errorf("rollup column %d: %w", column, ErrCorrupt)
		}
		for i, p := range points {
			entries[i].set(column, p)
		}
		hasIncrease = column == rollupColumns
		if len(data) == 0 && column < rollupColumns-1 && (!version1 || column < carryColumn-1) {
			return nil, points, false, fmt.Errorf("rollup has %d columns: %w", column+1, ErrCorrupt)
		}
	}
	if len(entries) == 0 {
		return nil, points, false, fmt.Errorf("rollup is empty: %w", ErrCorrupt)
	}
	return entries, points, hasIncrease, nil
}

// carryColumn is the column of the rounding error of the sum.
const carryColumn = 6

// set sets the field of the entry that a column holds.
func (e *rollupEntry) set(column int, p factory.Point) {
	switch column {
	case 0:
		e.First = p
	case 1:
		e.Last = p
	case 2:
		e.Min = p.Value
	case 3:
		e.Max = p.Value
	case 4:
		e.Sum = p.Value
	case 5:
		e.Count = int64(p.Value)
	case carryColumn:
		e.Summary = e.WithCarry(p.Value)
	case rollupColumns:
		e.Increase = p.Value
	}
}

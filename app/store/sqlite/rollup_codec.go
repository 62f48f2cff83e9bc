package sqlite

import (
	"encoding/binary"
	"fmt"

	"smart-factory-backend/app/factory"
)

// A rollup's data is
//
//	version  1 byte, rollupVersion
//	columns  each its length (uvarint) and a chunk: the first points, the last
//	         points, then at the times 0, 1, 2 … the least value, the largest,
//	         the sum, the number of points, and for a counter its rise
const (
	rollupVersion = 1
	rollupColumns = 6
)

// appendRollup appends the encoding of entries, which are at least one.
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
	figure := func(value func(*factory.Summary) float64) {
		add(func(i int, e *rollupEntry) factory.Point {
			return factory.Point{ObservedAt: int64(i), Value: value(&e.Summary)}
		})
	}
	figure(func(s *factory.Summary) float64 { return s.Min })
	figure(func(s *factory.Summary) float64 { return s.Max })
	figure(func(s *factory.Summary) float64 {
		folded := *s
		folded.Fold()
		return folded.Sum
	})
	figure(func(s *factory.Summary) float64 { return float64(s.Count) })
	if counter {
		figure(func(s *factory.Summary) float64 { return s.Increase })
	}
	return out
}

// decodeRollup returns the entries of data, whose start is not set, and
// whether they have the rise of a counter. It returns ErrCorrupt for anything
// that appendRollup has not made.
func decodeRollup(data []byte) (entries []rollupEntry, rise bool, err error) {
	if len(data) == 0 || data[0] != rollupVersion {
		return nil, false, fmt.Errorf("rollup version: %w", ErrCorrupt)
	}
	data = data[1:]
	var points []factory.Point
	for column := 0; len(data) > 0; column++ {
		size, length := binary.Uvarint(data)
		if length <= 0 || size > uint64(len(data)-length) || column > rollupColumns {
			return nil, false, fmt.Errorf("rollup column %d: %w", column, ErrCorrupt)
		}
		if points, err = decodeChunk(points[:0], data[length:][:size]); err != nil {
			return nil, false, err
		}
		data = data[length:][size:]
		if column == 0 {
			entries = make([]rollupEntry, len(points))
		}
		if len(points) != len(entries) {
			return nil, false, fmt.Errorf("rollup column %d: %w", column, ErrCorrupt)
		}
		for i, p := range points {
			entries[i].set(column, p)
		}
		rise = column == rollupColumns
		if len(data) == 0 && column < rollupColumns-1 {
			return nil, false, fmt.Errorf("rollup has %d columns: %w", column+1, ErrCorrupt)
		}
	}
	if len(entries) == 0 {
		return nil, false, fmt.Errorf("rollup is empty: %w", ErrCorrupt)
	}
	return entries, rise, nil
}

// set takes the entry's part of a column.
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
	case rollupColumns:
		e.Increase = p.Value
	}
}

package sqlite

import (
	"database/sql/driver"
	"math"
	"sort"

	"smart-factory-backend/app/factory"
)

// nextReplacement plans how the first n of points become part of the chunks of s:
// those before the start of the chunk after the one they belong to. Late
// points are merged with the existing chunk.
func (z *sealer) nextReplacement(s *series, points []factory.Point) (change chunkReplacement, n int, err error) {
	old, next, err := z.overlappingChunk(s, points)
	if err != nil {
		return chunkReplacement{}, 0, err
	}
	n = sort.Search(len(points), func(i int) bool { return points[i].ObservedAt >= next })
	merged := points[:n]
	if old.id != 0 {
		merged = mergePoints(make([]factory.Point, 0, len(old.points)+n), old.points, merged)
	}
	size := z.options.SealPoints
	if next != math.MaxInt64 {
		// Split evenly, so that each part has room for further late points.
		parts := (len(merged) + size - 1) / size
		size = (len(merged) + parts - 1) / parts
	}
	change = chunkReplacement{
		series: s, old: old.id, damaged: old.damaged, lastChunk: s.lastChunk,
		from: points[0].ObservedAt, to: points[n-1].ObservedAt, late: s.lastChunk.points > 0 && points[0].ObservedAt <= s.lastChunk.end,
	}
	for len(merged) > 0 {
		part := merged[:min(size, len(merged))]
		merged = merged[len(part):]
		change.rows = append(change.rows, newChunkRow(part))
	}
	if last := change.rows[len(change.rows)-1].summary; last.Last.ObservedAt >= s.lastChunk.end || s.lastChunk.points == 0 {
		change.lastChunk = lastChunk{end: last.Last.ObservedAt, points: int(last.Count)}
	}
	return change, n, nil
}

// oldChunk is an existing chunk to merge with new points; id 0 means none.
type oldChunk struct {
	id      int64
	points  []factory.Point
	damaged error // why the chunk could not be decoded
}

// overlappingChunk returns the chunk of s that covers the first of points, if
// any, and the start of the chunk after it. It also returns a chunk that ends
// before points if all of them fit into it, so that small chunks grow.
func (z *sealer) overlappingChunk(s *series, points []factory.Point) (old oldChunk, next int64, err error) {
	first, next := points[0].ObservedAt, int64(math.MaxInt64)
	if s.lastChunk.points == 0 {
		return oldChunk{}, next, nil
	}
	capacity := z.options.SealPoints - len(points)
	if first <= s.lastChunk.end {
		err := z.conn.query("SELECT t0 FROM chunk WHERE series_id = ? AND t0 > ? ORDER BY t0 LIMIT 1",
			func(v []driver.Value) error { next = asInt(v[0]); return nil }, s.id, first)
		if err != nil {
			return oldChunk{}, 0, err
		}
	} else if s.lastChunk.points > capacity {
		return oldChunk{}, next, nil
	}
	err = z.conn.query("SELECT id, t1, n, data FROM chunk WHERE series_id = ? AND t0 <= ? ORDER BY t0 DESC LIMIT 1",
		func(v []driver.Value) error {
			if asInt(v[1]) < first && asInt(v[2]) > int64(capacity) {
				return nil
			}
			old.id = asInt(v[0])
			old.points, old.damaged = decodeChunk(nil, asBytes(v[3]))
			return nil
		}, s.id, first)
	return old, next, err
}

// mergePoints appends the union of older and newer, both in strictly ascending
// order, to out. If both have a point at the same time, the one of newer is
// used.
func mergePoints(out, older, newer []factory.Point) []factory.Point {
	for len(older) > 0 && len(newer) > 0 {
		switch a, b := older[0].ObservedAt, newer[0].ObservedAt; {
		case a < b:
			out = append(out, older[0])
			older = older[1:]
		case a > b:
			out = append(out, newer[0])
			newer = newer[1:]
		default:
			older = older[1:]
		}
	}
	out = append(out, older...)
	return append(out, newer...)
}

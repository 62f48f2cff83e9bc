package sqlite

import (
	"database/sql/driver"
	"fmt"
	"math"
	"sort"

	"smart-factory-backend/app/factory"
)

const (
	// flushRows and flushBytes bound one sealing transaction, and so the time
	// that commits wait for it. Only the chunks that replace one old chunk
	// are never parted.
	flushRows  = 256
	flushBytes = 1 << 20
	// trimRows and trimBytes bound the log rows deleted in one transaction.
	trimRows  = 4096
	trimBytes = 4 << 20
)

// chunkRow is a row of the table chunk.
type chunkRow struct {
	t0, t1           int64
	points           int
	last             uint64 // bits of the value at t1
	vmin, vmax, vsum float64
	data             []byte
}

// chunkChange replaces at most one chunk of a series by others.
type chunkChange struct {
	series *series
	old    int64 // the id of the chunk to delete; 0: none
	rows   []chunkRow
	tail   tail // of the series, after the change
}

// plan gathers changes until they are worth a transaction.
type plan struct {
	changes []chunkChange
	rows    int
	bytes   int
}

func (p *plan) add(change chunkChange) {
	p.changes = append(p.changes, change)
	p.rows += len(change.rows) + 1
	for _, row := range change.rows {
		p.bytes += len(row.data)
	}
}

// sealBatchLocked writes the sealing layers of the batch to the file, in one
// or more transactions, and drops them. Until then readers see the layers on
// top of the chunks, so it does not matter to them how far this has come; and
// after a failure it is simply done again.
func (z *sealer) sealBatchLocked() error {
	var p plan
	for _, s := range z.batch {
		points := s.beginSealing()
		for len(points) > 0 {
			change, n, err := z.nextChange(s, points)
			if err != nil {
				return fmt.Errorf("machine %q, metric %q: %w", s.machine, s.metric, err)
			}
			points = points[n:]
			p.add(change)
			if p.rows >= flushRows || p.bytes >= flushBytes {
				if err := z.flush(&p, 0); err != nil {
					return err
				}
			}
		}
	}
	upto, freed, err := z.trimmable()
	if err != nil {
		return err
	}
	if err := z.flush(&p, upto); err != nil {
		return err
	}
	z.logBytes.Add(-freed)
	for _, s := range z.batch {
		s.endSealing()
	}
	z.batch = nil
	return nil
}

// nextChange plans how the first n of points get into chunks of s: those that
// come before the chunk after the next one.
func (z *sealer) nextChange(s *series, points []factory.Point) (change chunkChange, n int, err error) {
	old, next, err := z.neighbours(s, points)
	if err != nil {
		return chunkChange{}, 0, err
	}
	n = sort.Search(len(points), func(i int) bool { return points[i].ObservedAt >= next })
	merged := points[:n]
	if old.id != 0 {
		merged = mergePoints(make([]factory.Point, 0, len(old.points)+n), old.points, merged)
	}
	size := z.options.SealPoints
	if next != math.MaxInt64 {
		// In the middle of the history there is no telling where the next
		// late point goes: leave room in all parts.
		parts := (len(merged) + size - 1) / size
		size = (len(merged) + parts - 1) / parts
	}
	change = chunkChange{series: s, old: old.id, tail: s.tail}
	for len(merged) > 0 {
		part := merged[:min(size, len(merged))]
		merged = merged[len(part):]
		change.rows = append(change.rows, newChunkRow(part))
	}
	if last := change.rows[len(change.rows)-1]; last.t1 >= s.tail.t1 || s.tail.points == 0 {
		change.tail = tail{t1: last.t1, points: last.points}
	}
	return change, n, nil
}

func newChunkRow(points []factory.Point) chunkRow {
	last := points[len(points)-1]
	row := chunkRow{
		t0:     points[0].ObservedAt,
		t1:     last.ObservedAt,
		points: len(points),
		last:   math.Float64bits(last.Value),
		vmin:   points[0].Value,
		vmax:   points[0].Value,
		data:   appendChunk(make([]byte, 0, 8*len(points)), points),
	}
	for _, p := range points {
		row.vmin = min(row.vmin, p.Value)
		row.vmax = max(row.vmax, p.Value)
		row.vsum += p.Value
	}
	return row
}

// oldChunk is a chunk that is to be merged with new points; id 0 is none.
type oldChunk struct {
	id     int64
	points []factory.Point
}

// neighbours returns the chunk of s that the first of points belongs into, if
// any, and the start of the chunk after that. A chunk that ends before is
// chosen too if all of points fit in, so that small ones grow.
func (z *sealer) neighbours(s *series, points []factory.Point) (old oldChunk, next int64, err error) {
	first, next := points[0].ObservedAt, int64(math.MaxInt64)
	if s.tail.points == 0 {
		return oldChunk{}, next, nil
	}
	room := z.options.SealPoints - len(points)
	if first <= s.tail.t1 {
		err := z.conn.query("SELECT t0 FROM chunk WHERE series_id = ? AND t0 > ? ORDER BY t0 LIMIT 1",
			func(v []driver.Value) error { next = asInt(v[0]); return nil }, s.id, first)
		if err != nil {
			return oldChunk{}, 0, err
		}
	} else if s.tail.points > room {
		return oldChunk{}, next, nil
	}
	err = z.conn.query("SELECT id, t1, n, data FROM chunk WHERE series_id = ? AND t0 <= ? ORDER BY t0 DESC LIMIT 1",
		func(v []driver.Value) error {
			if asInt(v[1]) < first && asInt(v[2]) > int64(room) {
				return nil
			}
			old.id = asInt(v[0])
			old.points, err = decodeChunk(nil, asBytes(v[3]))
			if err != nil {
				return fmt.Errorf("chunk %d: %w", old.id, err)
			}
			return nil
		}, s.id, first)
	return old, next, err
}

// readTail returns what the file says of the last chunk of s.
func (z *sealer) readTail(s *series) (t tail, err error) {
	err = z.conn.query("SELECT t1, n FROM chunk WHERE series_id = ? ORDER BY t0 DESC LIMIT 1",
		func(v []driver.Value) error {
			t = tail{t1: asInt(v[0]), points: int(asInt(v[1]))}
			return nil
		}, s.id)
	return t, err
}

// flush writes the plan and deletes the log rows before upto in one
// transaction, and empties the plan.
func (z *sealer) flush(p *plan, upto int64) error {
	if len(p.changes) == 0 && upto == 0 {
		return nil
	}
	err := z.writer.transact(func(c *conn) error {
		for i := range p.changes {
			if err := p.changes[i].write(c); err != nil {
				return err
			}
		}
		if upto == 0 {
			return nil
		}
		return c.exec("DELETE FROM ingest_log WHERE seq < ?", upto)
	})
	if err != nil {
		return err
	}
	for _, change := range p.changes {
		change.series.tail = change.tail
	}
	z.wrote(p.bytes + p.rows*logRowOverhead)
	*p = plan{changes: p.changes[:0]}
	return nil
}

func (change *chunkChange) write(c *conn) error {
	if change.old != 0 {
		if err := c.exec("DELETE FROM chunk WHERE id = ?", change.old); err != nil {
			return err
		}
	}
	for _, r := range change.rows {
		err := c.exec("INSERT INTO chunk (series_id, t0, t1, n, vlast, vmin, vmax, vsum, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			change.series.id, r.t0, r.t1, int64(r.points), int64(r.last), r.vmin, r.vmax, r.vsum, r.data)
		if err != nil {
			return err
		}
	}
	return nil
}

// trimmable returns the log row up to which, exclusively, the next transaction
// may delete, given that the batch is sealed, and the bytes that this frees; 0
// is none.
func (z *sealer) trimmable() (upto, freed int64, err error) {
	err = z.conn.query("SELECT seq, length(data) FROM ingest_log WHERE seq < ? ORDER BY seq LIMIT ?",
		func(v []driver.Value) error {
			upto = asInt(v[0]) + 1
			freed += asInt(v[1]) + logRowOverhead
			if freed >= trimBytes {
				return errStop
			}
			return nil
		}, z.backlog.floor(), int64(trimRows))
	return upto, freed, err
}

// trimLogLocked deletes the log rows that are not needed any more.
func (z *sealer) trimLogLocked() error {
	for {
		upto, freed, err := z.trimmable()
		if err != nil || upto == 0 {
			return err
		}
		if err := z.flush(&plan{}, upto); err != nil {
			return err
		}
		z.logBytes.Add(-freed)
	}
}

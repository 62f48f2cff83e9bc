package sqlite

import (
	"database/sql/driver"
	"fmt"
	"math"

	"smart-factory-backend/app/factory"
)

const (
	// chunkBatchRows and flushBytes bound one sealing transaction, and so the time
	// that commits wait for it. Only the chunks that replace one old chunk
	// are never parted.
	chunkBatchRows  = 256
	chunkBatchBytes = 1 << 20
	// trimRows and trimBytes bound the log rows deleted in one transaction.
	trimRows  = 4096
	trimBytes = 4 << 20
)

// chunkRow is a row of the table chunk.
type chunkRow struct {
	summary factory.Summary
	data    []byte
}

// chunkReplacement replaces at most one chunk of a series by others.
type chunkReplacement struct {
	series  *series
	old     int64 // the id of the chunk to delete; 0: none
	damaged error // why the old chunk is to be set aside instead
	// from and to are the first and the last time of the new points; late says
	// that they do not come after all chunks.
	from, to  int64
	late      bool
	rows      []chunkRow
	lastChunk lastChunk // of the series, after the change
}

// chunkBatch gathers changes until they are worth a transaction.
type chunkBatch struct {
	changes []chunkReplacement
	rows    int
	bytes   int
}

func (p *chunkBatch) add(change chunkReplacement) {
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
	var p chunkBatch
	for _, s := range z.batch {
		points := s.beginSealing()
		if s.purged.Load() {
			continue // its log rows are passed over, too
		}
		for len(points) > 0 {
			change, n, err := z.nextChange(s, points)
			if err != nil {
				return fmt.Errorf("machine %q, metric %q: %w", s.machine, s.metric, err)
			}
			points = points[n:]
			p.add(change)
			if p.rows >= chunkBatchRows || p.bytes >= chunkBatchBytes {
				if err := z.writeChunks(&p, 0); err != nil {
					return err
				}
			}
		}
	}
	upto, freed, err := z.trimmableLog()
	if err != nil {
		return err
	}
	if err := z.writeChunks(&p, upto); err != nil {
		return err
	}
	z.logBytes.Add(-freed)
	for _, s := range z.batch {
		s.endSealing()
	}
	z.batch = nil
	return nil
}

func newChunkRow(points []factory.Point) chunkRow {
	row := chunkRow{data: appendChunk(nil, points)}
	row.summary.AddAll(points)
	return row
}

// loadLastChunk returns what the file says of the last chunk of s.
func (z *sealer) loadLastChunk(s *series) (t lastChunk, err error) {
	err = z.conn.query("SELECT t1, n FROM chunk WHERE series_id = ? ORDER BY t0 DESC LIMIT 1",
		func(v []driver.Value) error {
			t = lastChunk{end: asInt(v[0]), points: int(asInt(v[1]))}
			return nil
		}, s.id)
	return t, err
}

// writeChunks writes the plan and deletes the log rows before upto in one
// transaction, and empties the plan.
func (z *sealer) writeChunks(p *chunkBatch, upto int64) error {
	if len(p.changes) == 0 && upto == 0 {
		return nil
	}
	now := z.options.now().UnixMilli()
	err := z.writer.transact(func(c *conn) error {
		for i := range p.changes {
			if err := p.changes[i].write(c, now); err != nil {
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
		s, firstEnd := change.series, change.rows[0].summary.Last.ObservedAt
		if s.lastChunk.points == 0 || firstEnd < s.firstChunkEnd {
			s.firstChunkEnd = firstEnd
		}
		s.lastChunk = change.lastChunk
		if change.late {
			z.markRollupsStale(s, change.from, change.to)
		}
		if change.damaged != nil {
			z.maintenance.reportQuarantined(change.series.key, change.damaged)
		}
	}
	z.addWALBytes(p.bytes + p.rows*logRowOverhead)
	*p = chunkBatch{changes: p.changes[:0]}
	return nil
}

func (change *chunkReplacement) write(c *conn, now int64) error {
	if change.damaged != nil {
		if err := quarantineChunk(c, change.old, change.damaged, now); err != nil {
			return err
		}
	} else if change.old != 0 {
		if err := c.exec("DELETE FROM chunk WHERE id = ?", change.old); err != nil {
			return err
		}
	}
	for _, r := range change.rows {
		f := r.summary
		carry := f.Carry()
		if factory.ValidateValue(f.Sum) != nil || factory.ValidateValue(carry) != nil {
			carry = 0 // the sum is beyond a double
		}
		err := c.exec(`INSERT INTO chunk (series_id, t0, t1, n, vlast, vmin, vmax, vsum, data, vfirst, vcarry, vrise)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			change.series.id, f.First.ObservedAt, f.Last.ObservedAt, f.Count, asBits(f.Last.Value),
			f.Min, f.Max, finite(f.Sum), r.data, asBits(f.First.Value), carry, finite(f.Increase))
		if err != nil {
			return err
		}
	}
	if !change.late {
		return nil
	}
	return deleteRollups(c, change.series.id, change.from, change.to)
}

// asBits is how the sign of zero gets into the file and back.
func asBits(v float64) int64 { return int64(math.Float64bits(v)) }

// finite is v where it is a number, else a large one: SQLite has infinities,
// but what is no number would become NULL.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

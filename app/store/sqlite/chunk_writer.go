package sqlite

import (
	"database/sql/driver"
	"fmt"
	"math"

	"smart-factory-backend/app/factory"
)

const (
	// chunkBatchRows and chunkBatchBytes limit one sealing transaction, and so
	// the time that commits wait for it. The chunks that replace one old chunk
	// always share a transaction.
	chunkBatchRows  = 256
	chunkBatchBytes = 1 << 20
	// trimLogRows and trimLogBytes limit the log rows that one transaction deletes.
	trimLogRows  = 4096
	trimLogBytes = 4 << 20
)

// chunkRow is a row of the table chunk.
type chunkRow struct {
	summary factory.Summary
	data    []byte
}

// chunkReplacement replaces at most one chunk of a series by others.
type chunkReplacement struct {
	series  *series
	old     int64 // id of the chunk to delete; 0 means none
	damaged error // if not nil, old is moved to the quarantine for this reason
	// from and to are the first and the last time of the new points. late is
	// set if some of them are not after all existing chunks.
	from, to  int64
	late      bool
	rows      []chunkRow
	lastChunk lastChunk // of the series, afterwards
}

// chunkBatch collects replacements for one transaction.
type chunkBatch struct {
	replacements []chunkReplacement
	rows         int
	bytes        int
}

func (p *chunkBatch) add(change chunkReplacement) {
	p.replacements = append(p.replacements, change)
	p.rows += len(change.rows) + 1
	for _, row := range change.rows {
		p.bytes += len(row.data)
	}
}

// sealBatchLocked writes the sealing layers of the batch to chunks, in one or
// more transactions, and then drops the layers. Until then queries overlay the
// chunks with the layers, so they may run at any time. After a failure the
// same work is repeated.
func (z *sealer) sealBatchLocked() error {
	var p chunkBatch
	for _, s := range z.batch {
		points := s.beginSealing()
		if s.purged.Load() {
			continue // recovery ignores its log rows
		}
		for len(points) > 0 {
			change, n, err := z.nextReplacement(s, points)
			if err != nil {
				return fmt.Errorf("machine %q, metric %q: %w", s.Machine, s.Metric, err)
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

// loadLastChunk reads the bounds of the last chunk of s from the file.
func (z *sealer) loadLastChunk(s *series) (t lastChunk, err error) {
	err = z.conn.query("SELECT t1, n FROM chunk WHERE series_id = ? ORDER BY t0 DESC LIMIT 1",
		func(v []driver.Value) error {
			t = lastChunk{end: asInt(v[0]), points: int(asInt(v[1]))}
			return nil
		}, s.id)
	return t, err
}

// writeChunks writes the batch and deletes the log rows before upto in one
// transaction. Then it empties the batch.
func (z *sealer) writeChunks(p *chunkBatch, upto int64) error {
	if len(p.replacements) == 0 && upto == 0 {
		return nil
	}
	now := z.options.now().UnixMilli()
	err := z.writer.transact(func(c *conn) error {
		for i := range p.replacements {
			if err := p.replacements[i].write(c, now); err != nil {
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
	for _, change := range p.replacements {
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
	*p = chunkBatch{replacements: p.replacements[:0]}
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
			carry = 0 // the sum overflows a double
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

// asBits returns the bits of v as an integer, since a REAL column would lose
// the sign of zero.
func asBits(v float64) int64 { return int64(math.Float64bits(v)) }

// finite replaces NaN by infinity, since SQLite would store NaN as NULL.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

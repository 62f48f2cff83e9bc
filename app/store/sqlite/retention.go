package sqlite

import (
	"database/sql/driver"
	"math"
)

// expireChunksLocked deletes the chunks whose points are all expired. A chunk
// that is partly expired stays; queries skip its expired points.
func (z *sealer) expireChunksLocked(stop <-chan struct{}, now int64) error {
	for _, s := range z.catalog.allSeries() {
		expiry := s.expiry(now, z.options.Retention)
		for s.lastChunk.points > 0 && s.firstChunkEnd < expiry {
			if isClosed(stop) {
				return nil
			}
			if _, err := z.deleteChunks(s.id, expiry); err != nil {
				return err
			}
			if err := z.reloadChunkBounds(s); err != nil {
				return err
			}
			if err := z.checkpointLocked(); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteChunks deletes the first chunks of a series that end before until, at
// most deleteBatchRows, and their rollups. It returns the number of deleted
// chunks.
func (z *sealer) deleteChunks(id, until int64) (chunks int, err error) {
	const first = "(SELECT id FROM chunk WHERE series_id = ? AND t0 < ? AND t1 < ? ORDER BY t0 LIMIT ?)"
	args := []driver.Value{id, until, until, int64(deleteBatchRows)}
	var points, last int64
	err = z.writer.transact(func(c *conn) error {
		err := c.query("SELECT count(*), coalesce(sum(n), 0), max(t1) FROM chunk WHERE id IN "+first, func(v []driver.Value) error {
			chunks, points, last = int(asInt(v[0])), asInt(v[1]), asInt(v[2])
			return nil
		}, args...)
		if err != nil || chunks == 0 {
			return err
		}
		if err := c.exec(deleteRollupsUpTo, id, last); err != nil {
			return err
		}
		return c.exec("DELETE FROM chunk WHERE id IN "+first, args...)
	})
	if err == nil && chunks > 0 {
		z.addWALBytes(chunks * pageSize)
		if until != math.MaxInt64 {
			z.maintenance.expired.Add(uint64(points))
		}
	}
	return chunks, err
}

// reloadChunkBounds reloads the bounds of the chunks of s from the file after
// some were deleted.
func (z *sealer) reloadChunkBounds(s *series) (err error) {
	if s.lastChunk, err = z.loadLastChunk(s); err != nil {
		return err
	}
	s.firstChunkEnd, err = z.conn.queryInt("SELECT t1 FROM chunk WHERE series_id = ? ORDER BY t0 LIMIT 1", s.id)
	return err
}

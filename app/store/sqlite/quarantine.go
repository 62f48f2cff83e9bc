package sqlite

import (
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"

	"smart-factory-backend/app/store"
)

// damage is a damaged chunk that a query or the integrity check has found.
type damage struct {
	key   key
	cause error
}

// reportQuarantined counts and reports a chunk that was moved to the
// quarantine.
func (u *maintenance) reportQuarantined(k key, cause error) {
	u.quarantined.Add(1)
	u.report(store.Event{Kind: EventDamaged, Err: fmt.Errorf("machine %q, metric %q: %w", k.Machine, k.Metric, cause)})
}

// countQuarantine sets the count to the number of rows in the quarantine.
func (u *maintenance) countQuarantine(c *conn) error {
	n, err := c.queryInt("SELECT count(*) FROM quarantine")
	if err == nil {
		u.quarantined.Store(uint64(max(0, n)))
	}
	return err
}

// reportDamage asks the sealer to move a damaged chunk to the quarantine.
func (z *sealer) reportDamage(id int64, k key, cause error) {
	u := &z.maintenance
	u.mu.Lock()
	u.damaged[id] = damage{k, cause}
	u.mu.Unlock()
	z.signal()
}

// quarantineDamaged moves the chunks that were reported as damaged to the
// quarantine.
func (z *sealer) quarantineDamaged() error {
	u := &z.maintenance
	u.mu.Lock()
	damaged := maps.Clone(u.damaged)
	u.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(damaged)) {
		d := damaged[id]
		exists := false
		err := z.writer.transact(func(c *conn) error {
			n, err := c.queryInt("SELECT count(*) FROM chunk WHERE id = ?", id)
			if exists = n > 0; err != nil || !exists {
				return err
			}
			return quarantineChunk(c, id, d.cause, z.options.now().UnixMilli())
		})
		if err != nil {
			return err
		}
		if exists {
			u.reportQuarantined(d.key, d.cause)
		}
		u.mu.Lock()
		delete(u.damaged, id)
		u.mu.Unlock()
	}
	return nil
}

// quarantineChunk moves a chunk to the quarantine and deletes its rollups. c
// must be in a transaction.
func quarantineChunk(c *conn, id int64, cause error, now int64) error {
	err := c.query("SELECT series_id, t0, t1 FROM chunk WHERE id = ?", func(v []driver.Value) error {
		return deleteRollups(c, asInt(v[0]), asInt(v[1]), asInt(v[2]))
	}, id)
	if err != nil {
		return err
	}
	err = c.exec(`INSERT INTO quarantine (kind, series_id, t0, t1, n, found_at, reason, data)
		SELECT 'chunk', series_id, t0, t1, n, ?2, ?3, data FROM chunk WHERE id = ?1`, id, now, cause.Error())
	if err != nil {
		return err
	}
	return c.exec("DELETE FROM chunk WHERE id = ?", id)
}

// quarantineLogRow moves a damaged log row to the quarantine, so that the
// store can open without it.
func quarantineLogRow(c *conn, seq int64, cause error, now int64) error {
	for _, statement := range []struct {
		text string
		args []driver.Value
	}{
		{"BEGIN IMMEDIATE", nil},
		{`INSERT INTO quarantine (kind, series_id, t0, t1, n, found_at, reason, data)
			SELECT 'log', 0, seq, seq, 0, ?2, ?3, data FROM ingest_log WHERE seq = ?1`, []driver.Value{seq, now, cause.Error()}},
		{"DELETE FROM ingest_log WHERE seq = ?", []driver.Value{seq}},
		{"COMMIT", nil},
	} {
		if err := c.exec(statement.text, statement.args...); err != nil {
			return err
		}
	}
	return nil
}

package sqlite

import (
	"maps"
	"slices"
)

// clearDirty records that file and memory agree again.
func (c *committer) clearDirty() {
	c.dirty = false
	clear(c.dirtyMachines)
	clear(c.journal.dirty)
}

// removeUncommitted reverts what failed commits may have left in the file.
// When a sync fails after the write, the transaction may turn out to be
// committed after all, although its callers got an error and its ids will be
// used again.
func (c *committer) removeUncommitted(conn *conn) error {
	if !c.dirty {
		return nil
	}
	if err := conn.exec("DELETE FROM ingest_log WHERE seq > ?", c.lastSeq); err != nil {
		return err
	}
	const newMetrics = "SELECT machine || char(31) || metric FROM series WHERE id > ?"
	if err := conn.exec("DELETE FROM document WHERE kind = 'metric' AND id IN ("+newMetrics+")", c.lastSeries); err != nil {
		return err
	}
	if err := conn.exec("DELETE FROM series WHERE id > ?", c.lastSeries); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(c.dirtyMachines)) {
		if err := c.restoreMachine(conn, id); err != nil {
			return err
		}
	}
	return c.journal.removeUncommitted(conn)
}

// restoreMachine rewrites the documents and series of a machine from memory.
func (c *committer) restoreMachine(conn *conn, id string) error {
	if err := deleteMachineDocuments(conn, id); err != nil {
		return err
	}
	m := c.catalog.machine(id)
	if m == nil {
		return nil
	}
	if err := writeMachine(conn, m.meta.Load()); err != nil {
		return err
	}
	for _, s := range c.catalog.machineSeries(id) {
		if err := conn.exec("DELETE FROM purged WHERE series_id = ?", s.id); err != nil {
			return err
		}
		if err := writeMetric(conn, s.id, s.metric()); err != nil {
			return err
		}
	}
	return nil
}

package sqlite

import (
	"maps"
	"slices"
)

// markDirty notes that a failed commit may have changed the rows of a machine.
func (c *committer) markDirty(id string) {
	if c.dirtyMachines == nil {
		c.dirtyMachines = make(map[string]bool)
	}
	c.dirtyMachines[id] = true
}

// clearDirty notes that the file says what the memory says.
func (c *committer) clearDirty() {
	c.dirty = false
	clear(c.dirtyMachines)
}

// removeUncommitted takes back what failed commits may have left. When a sync
// fails after the write, the file may turn out to hold the transaction after
// all. Nobody was told that it succeeded, and its numbers are given again.
func (c *committer) removeUncommitted(conn *conn) error {
	if !c.dirty {
		return nil
	}
	if err := conn.exec("DELETE FROM ingest_log WHERE seq > ?", c.lastSeq); err != nil {
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
	return nil
}

// restoreMachine makes the rows of a machine what the memory says.
func (c *committer) restoreMachine(conn *conn, id string) error {
	m := c.catalog.machine(id)
	if m == nil {
		return conn.exec("DELETE FROM machine WHERE id = ?", id)
	}
	if err := m.meta.Load().write(conn); err != nil {
		return err
	}
	for _, s := range c.catalog.machineSeries(id) {
		if err := conn.exec("DELETE FROM purged WHERE series_id = ?", s.id); err != nil {
			return err
		}
		if err := s.meta.Load().write(conn, s.id, s.key); err != nil {
			return err
		}
	}
	return nil
}

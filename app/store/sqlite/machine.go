package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"sync/atomic"

	"smart-factory-backend/app/factory"
)

// machine is a registered machine. Only the committer changes it.
type machine struct {
	id   string
	meta atomic.Pointer[machineMeta]
}

// machineMeta is one version of a machine's metadata. It is immutable, and
// LastSeen is not set.
type machineMeta struct {
	factory.Machine
	deleted bool
}

// liveMeta returns the metadata of a machine, or nil if it is deleted or m is
// nil.
func (m *machine) liveMeta() *machineMeta {
	if m == nil {
		return nil
	}
	if meta := m.meta.Load(); !meta.deleted {
		return meta
	}
	return nil
}

// newMachine returns a machine that is registered by its first reading.
func newMachine(id string, now int64) *machine {
	m := &machine{id: id}
	m.meta.Store(&machineMeta{Machine: factory.Machine{ID: id, Version: 1, CreatedAt: now, UpdatedAt: now}})
	return m
}

// toMachine returns a copy that the caller may modify.
func (a *machineMeta) toMachine() factory.Machine {
	result := a.Machine
	result.Attributes = maps.Clone(a.Attributes)
	return result
}

// undeleted returns the metadata of a deleted machine that is in use again.
func (a *machineMeta) undeleted(now int64) *machineMeta {
	next := *a
	next.deleted = false
	next.Version++
	next.UpdatedAt = now
	return &next
}

// write inserts or updates the row of the machine.
func (a *machineMeta) write(c *conn) error {
	attributes := ""
	if len(a.Attributes) > 0 {
		text, err := json.Marshal(a.Attributes)
		if err != nil {
			return err
		}
		attributes = string(text)
	}
	return c.exec("INSERT OR REPLACE INTO machine (id, name, site, area, line, attributes, version, created_at, updated_at, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		a.ID, a.Name, a.Site, a.Area, a.Line, attributes, a.Version, a.CreatedAt, a.UpdatedAt, asFlag(a.deleted))
}

// scanMachine returns the machine in a row with the columns id, name, site,
// area, line, attributes, version, created_at, updated_at, deleted.
func scanMachine(v []driver.Value) (*machine, error) {
	a := &machineMeta{Machine: factory.Machine{
		ID: asString(v[0]), Name: asString(v[1]),
		Placement: factory.Placement{Site: asString(v[2]), Area: asString(v[3]), Line: asString(v[4])},
		Version:   asInt(v[6]), CreatedAt: asInt(v[7]), UpdatedAt: asInt(v[8]),
	}, deleted: asInt(v[9]) != 0}
	if text := asString(v[5]); text != "" {
		if err := json.Unmarshal([]byte(text), &a.Attributes); err != nil {
			return nil, fmt.Errorf("attributes of machine %q: %w: %w", a.ID, ErrCorrupt, err)
		}
	}
	m := &machine{id: a.ID}
	m.meta.Store(a)
	return m, nil
}

func asFlag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

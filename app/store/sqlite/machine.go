package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// machine is a registered machine. Only the committer changes it.
type machine struct {
	id string
	// meta is the present version of the metadata, which is immutable and has
	// no LastSeen.
	meta atomic.Pointer[store.Machine]
}

func newMachine(meta *store.Machine) *machine {
	m := &machine{id: meta.ID}
	m.meta.Store(meta)
	return m
}

// liveMeta returns the metadata of a machine, or nil if it is deleted or m is
// nil.
func (m *machine) liveMeta() *store.Machine {
	if m == nil {
		return nil
	}
	if meta := m.meta.Load(); !meta.Deleted {
		return meta
	}
	return nil
}

// writeMachine inserts or updates the row of a machine.
func writeMachine(c *conn, a *store.Machine) error {
	attributes := ""
	if len(a.Attributes) > 0 {
		text, err := json.Marshal(a.Attributes)
		if err != nil {
			return err
		}
		attributes = string(text)
	}
	var signals driver.Value
	if len(a.Signals) > 0 {
		signals = a.Signals
	}
	return c.exec("INSERT OR REPLACE INTO machine (id, name, site, area, line, attributes, version, created_at, updated_at, deleted, signals, ideal_cycle) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		a.ID, a.Name, a.Site, a.Area, a.Line, attributes, a.Version, a.CreatedAt, a.UpdatedAt, asFlag(a.Deleted), signals, a.IdealCycle)
}

// scanMachine returns the machine in a row with the columns id, name, site,
// area, line, attributes, version, created_at, updated_at, deleted, signals,
// ideal_cycle.
func scanMachine(v []driver.Value) (*machine, error) {
	a := &store.Machine{Machine: factory.Machine{
		ID: asString(v[0]), Name: asString(v[1]),
		Placement: factory.Placement{Site: asString(v[2]), Area: asString(v[3]), Line: asString(v[4])},
		Version:   asInt(v[6]), CreatedAt: asInt(v[7]), UpdatedAt: asInt(v[8]), Signals: asBytes(v[10]), IdealCycle: asFloat(v[11]),
	}, Deleted: asInt(v[9]) != 0}
	if text := asString(v[5]); text != "" {
		if err := json.Unmarshal([]byte(text), &a.Attributes); err != nil {
			return nil, fmt.Errorf("attributes of machine %q: %w: %w", a.ID, ErrCorrupt, err)
		}
	}
	return newMachine(a), nil
}

func asFlag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

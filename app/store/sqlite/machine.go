package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
)

// machine is one machine with its description. Only the committer changes it.
type machine struct {
	id    string
	meta atomic.Pointer[machineMeta]
}

// machineState is one version of a machine's description. Nobody changes it.
// LastSeen is not set.
type machineMeta struct {
	factory.Machine
	deleted bool
}

// live returns the description of a machine that is not deleted, else nil. m
// may be nil.
func (m *machine) liveMeta() *machineMeta {
	if m == nil {
		return nil
	}
	if about := m.meta.Load(); !about.deleted {
		return about
	}
	return nil
}

// newMachine is a machine as it is registered on first sight.
func newMachine(id string, now int64) *machine {
	m := &machine{id: id}
	m.meta.Store(&machineMeta{Machine: factory.Machine{ID: id, Version: 1, CreatedAt: now, UpdatedAt: now}})
	return m
}

// described is a copy of the description that the caller may change.
func (a *machineMeta) toMachine() factory.Machine {
	shown := a.Machine
	shown.Attributes = maps.Clone(a.Attributes)
	return shown
}

// revived is the description that a deleted machine gets when it reports
// again.
func (a *machineMeta) undeleted(now int64) *machineMeta {
	next := *a
	next.deleted = false
	next.Version++
	next.UpdatedAt = now
	return &next
}

// write makes the row of the machine what a says.
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

// readMachine is the machine in a row of
// id, name, site, area, line, attributes, version, created_at, updated_at, deleted.
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

// metricState is one version of a metric's description. Nobody changes it.
type metricMeta struct {
	unit                     string
	kind                     factory.MetricKind
	expectedMin, expectedMax *float64
	retention                time.Duration
	version                  int64
	createdAt, updatedAt     int64
}

// newMetricState describes a metric as it is registered on first sight.
func newMetricMeta(now int64) *metricMeta {
	return &metricMeta{kind: factory.Gauge, version: 1, createdAt: now, updatedAt: now}
}

// same reports whether two descriptions say the same, whatever the version.
func (a *metricMeta) equal(b *metricMeta) bool {
	same := func(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return a.unit == b.unit && a.kind == b.kind && a.retention == b.retention &&
		same(a.expectedMin, b.expectedMin) && same(a.expectedMax, b.expectedMax)
}

// described is the metric as callers see it.
func (a *metricMeta) toMetric(k key) factory.Metric {
	clone := func(v *float64) *float64 {
		if v == nil {
			return nil
		}
		return new(*v)
	}
	return factory.Metric{
		Machine: k.machine, Name: k.metric, Unit: a.unit, Kind: a.kind,
		ExpectedMin: clone(a.expectedMin), ExpectedMax: clone(a.expectedMax),
		Retention: a.retention, Version: a.version, CreatedAt: a.createdAt, UpdatedAt: a.updatedAt,
	}
}

// write makes the row of a series what a says.
func (a *metricMeta) write(c *conn, id int64, k key) error {
	retention := int64(a.retention / time.Millisecond)
	if a.retention == factory.KeepForever {
		retention = -1
	}
	optional := func(v *float64) driver.Value {
		if v == nil {
			return nil
		}
		return *v
	}
	return c.exec(`INSERT OR REPLACE INTO series
		(id, machine, metric, unit, kind, expected_min, expected_max, retention, version, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, k.machine, k.metric, a.unit, string(a.kind), optional(a.expectedMin), optional(a.expectedMax),
		retention, a.version, a.createdAt, a.updatedAt)
}

// readMetric is the description in the columns
// unit, kind, expected_min, expected_max, retention, version, created_at, updated_at.
func scanMetric(v []driver.Value) *metricMeta {
	optional := func(v driver.Value) *float64 {
		if f, ok := v.(float64); ok {
			return &f
		}
		return nil
	}
	a := &metricMeta{
		unit: asString(v[0]), kind: factory.MetricKind(asString(v[1])),
		expectedMin: optional(v[2]), expectedMax: optional(v[3]),
		retention: time.Duration(asInt(v[4])) * time.Millisecond,
		version:   asInt(v[5]), createdAt: asInt(v[6]), updatedAt: asInt(v[7]),
	}
	if asInt(v[4]) < 0 {
		a.retention = factory.KeepForever
	}
	return a
}

func asFlag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

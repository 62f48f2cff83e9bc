package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"smart-factory-backend/app/factory"
)

// Machine is a machine in the registry of an engine. A deleted one keeps its
// metrics and their history.
type Machine struct {
	factory.Machine
	Deleted bool
}

// NewMachine returns a machine that is registered by its first reading.
func NewMachine(id string, now int64) *Machine {
	return &Machine{Machine: factory.Machine{ID: id, Version: 1, CreatedAt: now, UpdatedAt: now}}
}

// Restored returns a copy of a deleted machine that is in use again.
func (m *Machine) Restored(now int64) *Machine {
	next := *m
	next.Deleted = false
	next.Version++
	next.UpdatedAt = now
	return &next
}

// currentVersion returns the version that a Match refers to: 0 if m is nil or
// deleted.
func (m *Machine) currentVersion() int64 {
	if m == nil || m.Deleted {
		return 0
	}
	return m.Version
}

// PutMachine returns what a machine becomes by a put, and whether it is created
// by it. known is the machine in the registry, or nil; it is not modified. The
// result is known if nothing changes. It has the attributes of put and no
// LastSeen.
func PutMachine(known *Machine, put factory.Machine, match factory.Match, now int64) (next *Machine, created bool, err error) {
	if len(put.Signals) > 0 && !json.Valid(put.Signals) {
		return nil, false, fmt.Errorf("machine %q: the signals are not JSON: %w", put.ID, factory.ErrInvalid)
	}
	version := known.currentVersion()
	created = version == 0
	if !match.Allows(version) {
		return nil, false, fmt.Errorf("machine %q: %w", put.ID, factory.ErrPrecondition)
	}
	switch {
	case known == nil:
		next = NewMachine(put.ID, now)
	case !created && sameDescription(known.Machine, put):
		return known, false, nil
	default:
		next = known.Restored(now)
	}
	next.Name, next.Placement, next.Attributes = put.Name, put.Placement, put.Attributes
	next.Signals, next.IdealCycle = put.Signals, put.IdealCycle
	return next, created, nil
}

// sameDescription compares what a put can change.
func sameDescription(a, b factory.Machine) bool {
	return a.Name == b.Name && a.Placement == b.Placement && maps.Equal(a.Attributes, b.Attributes) &&
		bytes.Equal(a.Signals, b.Signals) && a.IdealCycle == b.IdealCycle
}

// CheckDelete returns an error if the machine must not be deleted. known is the
// machine in the registry, or nil.
func CheckDelete(known *Machine, id string, match factory.Match, purge bool) error {
	if known == nil || known.Deleted && !purge {
		return MachineNotFound(id)
	}
	if !match.Allows(known.currentVersion()) {
		return fmt.Errorf("machine %q: %w", id, factory.ErrPrecondition)
	}
	return nil
}

// NewMetric returns a metric that is registered by its first reading.
func NewMetric(k Key, now int64) *factory.Metric {
	return &factory.Metric{Machine: k.Machine, Name: k.Metric, Kind: factory.Gauge, Version: 1, CreatedAt: now, UpdatedAt: now}
}

// PutMetric returns what a metric becomes by a put. known is the metric in the
// registry, or nil; it is not modified. The result is known if nothing changes.
func PutMetric(known *factory.Metric, put factory.Metric, match factory.Match, now int64) (*factory.Metric, error) {
	put.Version, put.CreatedAt, put.UpdatedAt = 0, now, now
	if known != nil {
		put.Version, put.CreatedAt, put.UpdatedAt = known.Version, known.CreatedAt, known.UpdatedAt
	}
	if !match.Allows(put.Version) {
		return nil, fmt.Errorf("machine %q, metric %q: %w", put.Machine, put.Name, factory.ErrPrecondition)
	}
	if known != nil && sameMetric(*known, put) {
		return known, nil
	}
	put.Version++
	put.UpdatedAt = now
	return &put, nil
}

// sameMetric compares two metrics, pointers by the values they point to.
func sameMetric(a, b factory.Metric) bool {
	same := func(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	if !same(a.ExpectedMin, b.ExpectedMin) || !same(a.ExpectedMax, b.ExpectedMax) {
		return false
	}
	a.ExpectedMin, a.ExpectedMax = b.ExpectedMin, b.ExpectedMax
	return a == b
}

// MachineNotFound is the error for a machine that is not registered.
func MachineNotFound(id string) error {
	return fmt.Errorf("machine %q: %w", id, factory.ErrNotFound)
}

package memory

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"smart-factory-backend/app/factory"
)

// registeredMachine is a machine of a Store. A deleted one keeps its metrics.
type registeredMachine struct {
	factory.Machine
	deleted bool
}

// PutMachine implements factory.Registry.
func (m *Store) PutMachine(ctx context.Context, put factory.Machine, match factory.Match) (stored factory.Machine, created bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return stored, false, err
	}
	if err := factory.ValidateMachine(put); err != nil {
		return stored, false, err
	}
	known := m.machines[put.ID]
	created = known == nil || known.deleted
	if !created && !match.Allows(known.Version) || created && !match.Allows(0) {
		return stored, false, fmt.Errorf("machine %q: %w", put.ID, factory.ErrPrecondition)
	}
	if known == nil && m.options.MaxSeries > 0 && len(m.machines) >= m.options.MaxSeries {
		return stored, false, fmt.Errorf("limit of %d machines reached: %w", m.options.MaxSeries, factory.ErrInvalid)
	}
	now := m.options.now()
	if known == nil {
		known = &registeredMachine{Machine: factory.Machine{ID: put.ID, CreatedAt: now}}
		m.machines[put.ID] = known
	}
	if created || known.Name != put.Name || known.Placement != put.Placement || !maps.Equal(known.Attributes, put.Attributes) {
		known.Name, known.Placement, known.Attributes = put.Name, put.Placement, maps.Clone(put.Attributes)
		known.Version++
		known.UpdatedAt = now
	}
	known.deleted = false
	return m.publicMachineLocked(known), created, nil
}

// publicMachineLocked returns a copy of known for a caller, with LastSeen filled in.
func (m *Store) publicMachineLocked(known *registeredMachine) factory.Machine {
	shown := known.Machine
	shown.Attributes = maps.Clone(known.Attributes)
	for k := range m.metrics {
		if at, ok := m.newestLocked(k); ok && k.machine == known.ID {
			shown.LastSeen = max(shown.LastSeen, at)
		}
	}
	return shown
}

// Machine implements factory.Registry.
func (m *Store) Machine(ctx context.Context, id string) (factory.Machine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, err := m.machineLocked(ctx, id)
	if err != nil {
		return factory.Machine{}, err
	}
	return m.publicMachineLocked(known), nil
}

func (m *Store) machineLocked(ctx context.Context, id string) (*registeredMachine, error) {
	if err := m.usableLocked(ctx); err != nil {
		return nil, err
	}
	if known := m.machines[id]; known != nil && !known.deleted {
		return known, nil
	}
	return nil, fmt.Errorf("machine %q: %w", id, factory.ErrNotFound)
}

// Machines implements factory.Registry.
func (m *Store) Machines(ctx context.Context, q factory.MachineQuery) (page factory.MachinePage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	after, err := m.beginQueryLocked(ctx, "machines", q.Cursor, q.Limit)
	if err != nil {
		return page, err
	}
	for _, id := range slices.Sorted(maps.Keys(m.machines)) {
		known := m.machines[id]
		if known.deleted || !q.Selects(known.Machine) || after != nil && id <= after.key.machine {
			continue
		}
		if len(page.Machines) == q.Limit {
			last := page.Machines[q.Limit-1].ID
			page.NextCursor = encodeCursor("machines", position{key: seriesKey{machine: last}})
			break
		}
		page.Machines = append(page.Machines, m.publicMachineLocked(known))
	}
	return page, nil
}

// DeleteMachine implements factory.Registry.
func (m *Store) DeleteMachine(ctx context.Context, id string, match factory.Match, purge bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return err
	}
	known := m.machines[id]
	if known == nil || known.deleted && !purge {
		return fmt.Errorf("machine %q: %w", id, factory.ErrNotFound)
	}
	version := known.Version
	if known.deleted {
		version = 0
	}
	if !match.Allows(version) {
		return fmt.Errorf("machine %q: %w", id, factory.ErrPrecondition)
	}
	known.deleted = true
	if purge {
		delete(m.machines, id)
		maps.DeleteFunc(m.metrics, func(k seriesKey, _ factory.Metric) bool { return k.machine == id })
		maps.DeleteFunc(m.values, func(k seriesKey, _ map[int64]float64) bool { return k.machine == id })
		clear(m.times)
	}
	return nil
}

// PutMetric implements factory.Registry.
func (m *Store) PutMetric(ctx context.Context, put factory.Metric, match factory.Match) (stored factory.Metric, created bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.machineLocked(ctx, put.Machine); err != nil {
		return stored, false, err
	}
	if err := factory.ValidateMetric(put); err != nil {
		return stored, false, err
	}
	k := seriesKey{put.Machine, put.Name}
	known, exists := m.metrics[k]
	if !match.Allows(known.Version) {
		return stored, false, fmt.Errorf("metric %q: %w", put.Name, factory.ErrPrecondition)
	}
	if !exists && m.options.MaxSeries > 0 && len(m.metrics) >= m.options.MaxSeries {
		return stored, false, fmt.Errorf("limit of %d series reached: %w", m.options.MaxSeries, factory.ErrInvalid)
	}
	put.Version, put.CreatedAt, put.UpdatedAt = known.Version, known.CreatedAt, known.UpdatedAt
	if !exists || !sameMetric(known, put) {
		put.Version++
		put.UpdatedAt = m.options.now()
	}
	if !exists {
		put.CreatedAt = put.UpdatedAt
		m.values[k] = make(map[int64]float64)
	}
	m.metrics[k] = put
	return put, !exists, nil
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

// Metric implements factory.Registry.
func (m *Store) Metric(ctx context.Context, machine, name string) (factory.Metric, error) {
	metrics, err := m.Metrics(ctx, machine)
	if err != nil {
		return factory.Metric{}, err
	}
	for _, metric := range metrics {
		if metric.Name == name {
			return metric, nil
		}
	}
	return factory.Metric{}, fmt.Errorf("machine %q, metric %q: %w", machine, name, factory.ErrNotFound)
}

// Metrics implements factory.Registry.
func (m *Store) Metrics(ctx context.Context, machine string) (all []factory.Metric, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.machineLocked(ctx, machine); err != nil {
		return nil, err
	}
	for _, k := range m.keysLocked() {
		if k.machine == machine {
			all = append(all, m.metrics[k])
		}
	}
	return all, nil
}

// Placement implements factory.Registry.
func (m *Store) Placement(machine string) (factory.Placement, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.machines[machine]
	if known == nil || known.deleted {
		return factory.Placement{}, false
	}
	return known.Placement, true
}

// admitLocked returns an error if the reading's series does not exist and may
// not be registered.
func (m *Store) admitLocked(r factory.Reading) error {
	machine, known := m.machines[r.Machine]
	_, exists := m.metrics[seriesKey{r.Machine, r.Metric}]
	if exists && !machine.deleted {
		return nil
	}
	if err := factory.ValidateName(factory.KindMachine, r.Machine); err != nil {
		return err
	}
	if err := factory.ValidateName(factory.KindMetric, r.Metric); err != nil {
		return err
	}
	if !m.options.AutoRegister {
		return fmt.Errorf("machine %q, metric %q: %w", r.Machine, r.Metric, factory.ErrNotFound)
	}
	full := func(n int) bool { return m.options.MaxSeries > 0 && n >= m.options.MaxSeries }
	if !exists && full(len(m.metrics)) || !known && full(len(m.machines)) {
		return fmt.Errorf("limit of %d series reached: %w", m.options.MaxSeries, factory.ErrInvalid)
	}
	return nil
}

// registerLocked creates the series and its machine where they do not exist and
// restores a deleted machine.
func (m *Store) registerLocked(k seriesKey) {
	now := m.options.now()
	machine := m.machines[k.machine]
	if machine == nil {
		machine = &registeredMachine{Machine: factory.Machine{ID: k.machine, Version: 1, CreatedAt: now, UpdatedAt: now}}
		m.machines[k.machine] = machine
	}
	if machine.deleted {
		machine.deleted = false
		machine.Version++
		machine.UpdatedAt = now
	}
	if _, exists := m.metrics[k]; !exists {
		m.metrics[k] = factory.Metric{Machine: k.machine, Name: k.metric, Kind: factory.Gauge, Version: 1, CreatedAt: now, UpdatedAt: now}
		m.values[k] = make(map[int64]float64)
	}
}

// expiryLocked returns the time before which readings of k are expired.
func (m *Store) expiryLocked(k seriesKey) int64 {
	retention := m.metrics[k].Retention
	if retention == 0 {
		retention = m.options.Retention
	}
	if retention <= 0 {
		return math.MinInt64
	}
	return m.options.now() - int64(retention/time.Millisecond)
}

// newestLocked returns the time of the newest point of k; ok is false if there
// is none or it is expired.
func (m *Store) newestLocked(k seriesKey) (at int64, ok bool) {
	at = math.MinInt64
	for t := range m.values[k] {
		at, ok = max(at, t), true
	}
	return at, ok && at >= m.expiryLocked(k)
}

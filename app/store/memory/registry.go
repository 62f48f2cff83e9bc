package memory

import (
	"bytes"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

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
	next, created, err := store.PutMachine(known, put, match, m.options.now())
	if err != nil {
		return stored, false, err
	}
	if known == nil {
		if err := m.options.seriesLimits().CheckMachine(len(m.machines)); err != nil {
			return stored, false, err
		}
	}
	if next != known {
		next.Attributes, next.Signals = maps.Clone(put.Attributes), bytes.Clone(put.Signals)
		m.setMachineLocked(next)
		m.recordLocked(store.MachineAudit(ctx, put.ID, known, next, m.options.now()))
	}
	return m.publicMachineLocked(next), created, nil
}

// recordLocked appends an audit event.
func (m *Store) recordLocked(audit factory.Event) {
	_, _ = m.journal.write(factory.JournalBatch{Events: []factory.Event{audit}}, m.options.now()) // its id is new
}

// checkSeriesLocked returns an error if the machine may not get another series.
func (m *Store) checkSeriesLocked(machine string) error {
	ofMachine := 0
	for k := range m.metrics {
		if k.Machine == machine {
			ofMachine++
		}
	}
	return m.options.seriesLimits().CheckSeries(len(m.metrics), ofMachine)
}

// publicMachineLocked returns a copy of known for a caller, with LastSeen filled in.
func (m *Store) publicMachineLocked(known *store.Machine) factory.Machine {
	shown := known.Machine
	shown.Attributes, shown.Signals = maps.Clone(known.Attributes), bytes.Clone(known.Signals)
	for k := range m.metrics {
		if at, ok := m.newestLocked(k); ok && k.Machine == known.ID {
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

func (m *Store) machineLocked(ctx context.Context, id string) (*store.Machine, error) {
	if err := m.usableLocked(ctx); err != nil {
		return nil, err
	}
	if known := m.machines[id]; known != nil && !known.Deleted {
		return known, nil
	}
	return nil, store.MachineNotFound(id)
}

// Machines implements factory.Registry.
func (m *Store) Machines(ctx context.Context, q factory.MachineQuery) (page factory.MachinePage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkQueryLocked(ctx, q.Limit); err != nil {
		return page, err
	}
	after, err := machineCursor.After(q.Cursor)
	if err != nil {
		return page, err
	}
	for _, id := range slices.Sorted(maps.Keys(m.machines)) {
		known := m.machines[id]
		if known.Deleted || !q.Selects(known.Machine) || id <= after.Machine {
			continue
		}
		if len(page.Machines) == q.Limit {
			page.NextCursor = machineCursor.Encode(store.Position{Key: key{Machine: page.Machines[q.Limit-1].ID}})
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
	if err := store.CheckDelete(known, id, match, purge); err != nil {
		return err
	}
	m.recordLocked(store.MachineAudit(ctx, id, known, nil, m.options.now()))
	if purge {
		m.purgeLocked(id)
		return nil
	}
	deleted := *known
	deleted.Deleted = true
	m.setMachineLocked(&deleted)
	return nil
}

// purgeLocked removes a machine with everything that belongs to it.
func (m *Store) purgeLocked(id string) {
	m.senders.Purge(id)
	delete(m.machines, id)
	maps.DeleteFunc(m.metrics, func(k key, _ *factory.Metric) bool { return k.Machine == id })
	maps.DeleteFunc(m.values, func(k key, _ map[int64]float64) bool { return k.Machine == id })
	clear(m.times)
	m.journal.purge(id)
}

// setMachineLocked stores a machine and its document.
func (m *Store) setMachineLocked(next *store.Machine) {
	m.machines[next.ID] = next
	m.journal.setDocument(store.MachineDocument(next))
}

// setMetricLocked stores a metric and its document.
func (m *Store) setMetricLocked(k key, next *factory.Metric) {
	m.metrics[k] = next
	m.journal.setDocument(store.MetricDocument(next))
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
	k := key{Machine: put.Machine, Metric: put.Name}
	known := m.metrics[k]
	next, err := store.PutMetric(known, put, match, m.options.now())
	if err != nil {
		return stored, false, err
	}
	if known == nil {
		if err := m.checkSeriesLocked(put.Machine); err != nil {
			return stored, false, err
		}
		m.values[k] = make(map[int64]float64)
	}
	if next != known {
		m.setMetricLocked(k, next)
		m.recordLocked(store.MetricAudit(ctx, known, *next, m.options.now()))
	}
	return *next, known == nil, nil
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
	return factory.Metric{}, store.NotRegistered(machine, name)
}

// Metrics implements factory.Registry.
func (m *Store) Metrics(ctx context.Context, machine string) (all []factory.Metric, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.machineLocked(ctx, machine); err != nil {
		return nil, err
	}
	for _, k := range m.keysLocked() {
		if k.Machine == machine {
			all = append(all, *m.metrics[k])
		}
	}
	return all, nil
}

// Placement implements factory.Registry.
func (m *Store) Placement(machine string) (factory.Placement, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.machines[machine]
	if known == nil || known.Deleted {
		return factory.Placement{}, false
	}
	return known.Placement, true
}

// admitLocked returns an error if the reading's series does not exist and may
// not be registered.
func (m *Store) admitLocked(r factory.Reading, sender string) error {
	machine, known := m.machines[r.Machine]
	_, exists := m.metrics[key{Machine: r.Machine, Metric: r.Metric}]
	if exists && !machine.Deleted {
		return nil
	}
	if err := store.CheckRegistrable(r.Machine, r.Metric, m.options.AutoRegister); err != nil {
		return err
	}
	if exists {
		return nil
	}
	if !known {
		if err := m.options.seriesLimits().CheckMachine(len(m.machines)); err != nil {
			return err
		}
	}
	if err := m.checkSeriesLocked(r.Machine); err != nil {
		return err
	}
	return m.senders.Check(sender, 0, m.options.seriesLimits())
}

// registerLocked creates the series and its machine where they do not exist and
// restores a deleted machine.
func (m *Store) registerLocked(k key, sender string) {
	now := m.options.now()
	if machine := m.machines[k.Machine]; machine == nil {
		m.setMachineLocked(store.NewMachine(k.Machine, now))
	} else if machine.Deleted {
		m.setMachineLocked(machine.Restored(now))
	}
	if m.metrics[k] == nil {
		m.senders.Add(sender, k.Machine)
		m.setMetricLocked(k, store.NewMetric(k, now))
		m.values[k] = make(map[int64]float64)
	}
}

// expiryLocked returns the time before which readings of k are expired.
func (m *Store) expiryLocked(k key) int64 {
	var retention time.Duration
	if metric := m.metrics[k]; metric != nil {
		retention = metric.Retention
	}
	return store.Expiry(retention, m.options.Retention, m.options.now())
}

// newestLocked returns the time of the newest point of k; ok is false if there
// is none or it is expired.
func (m *Store) newestLocked(k key) (at int64, ok bool) {
	at = math.MinInt64
	for t := range m.values[k] {
		at, ok = max(at, t), true
	}
	return at, ok && at >= m.expiryLocked(k)
}

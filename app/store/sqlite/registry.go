package sqlite

import (
	"bytes"
	"context"
	"maps"
	"sort"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Queries of the registry are answered from memory. Changes go through the
// committer; see registry_changes.go.

// Machine implements factory.Registry.
func (s *Store) Machine(ctx context.Context, id string) (factory.Machine, error) {
	if err := s.queue.Check(ctx, "query", 0); err != nil {
		return factory.Machine{}, err
	}
	meta := s.catalog.machine(id).liveMeta()
	if meta == nil {
		return factory.Machine{}, store.MachineNotFound(id)
	}
	return s.publicMachine(meta), nil
}

// publicMachine returns a copy of meta that the caller may modify, with
// LastSeen.
func (s *Store) publicMachine(meta *store.Machine) factory.Machine {
	result := meta.Machine
	result.Attributes, result.Signals = maps.Clone(meta.Attributes), bytes.Clone(meta.Signals)
	result.LastSeen = s.lastSeen(meta.ID)
	return result
}

// lastSeen returns the newest observation time of a machine, or 0.
func (s *Store) lastSeen(id string) (at int64) {
	now := s.options.now().UnixMilli()
	for _, of := range s.catalog.machineSeries(id) {
		if newest, known := of.latestPoint(); known && newest.ObservedAt >= of.expiry(now, s.options.Retention) {
			at = max(at, newest.ObservedAt)
		}
	}
	return at
}

// Machines implements factory.Registry.
func (s *Store) Machines(ctx context.Context, q factory.MachineQuery) (page factory.MachinePage, err error) {
	if err := s.queue.Check(ctx, "query", 0); err != nil {
		return page, err
	}
	if err := store.CheckAtLeast("limit", q.Limit, 1); err != nil {
		return page, err
	}
	all := s.catalog.allMachines()
	after, err := machinesCursor.After(q.Cursor)
	if err != nil {
		return page, err
	}
	start := sort.Search(len(all), func(i int) bool { return all[i].id >= q.Prefix && all[i].id > after.Machine })
	for _, m := range all[start:] {
		if !strings.HasPrefix(m.id, q.Prefix) {
			break
		}
		meta := m.liveMeta()
		if meta == nil || !q.Selects(meta.Machine) {
			continue
		}
		if len(page.Machines) == q.Limit {
			page.NextCursor = machinesCursor.Encode(store.Position{Key: key{Machine: page.Machines[q.Limit-1].ID}})
			break
		}
		page.Machines = append(page.Machines, s.publicMachine(meta))
	}
	return page, nil
}

// Metric implements factory.Registry.
func (s *Store) Metric(ctx context.Context, machine, name string) (factory.Metric, error) {
	if err := s.queue.Check(ctx, "query", 0); err != nil {
		return factory.Metric{}, err
	}
	known := s.catalog.find(key{Machine: machine, Metric: name})
	if known == nil || known.machineDeleted.Load() {
		return factory.Metric{}, store.NotRegistered(machine, name)
	}
	return cloneMetric(*known.metric()), nil
}

// Metrics implements factory.Registry.
func (s *Store) Metrics(ctx context.Context, machine string) (all []factory.Metric, err error) {
	if err := s.queue.Check(ctx, "query", 0); err != nil {
		return nil, err
	}
	if s.catalog.machine(machine).liveMeta() == nil {
		return nil, store.MachineNotFound(machine)
	}
	for _, known := range s.catalog.machineSeries(machine) {
		all = append(all, cloneMetric(*known.metric()))
	}
	return all, nil
}

// Placement implements factory.Registry.
func (s *Store) Placement(machine string) (factory.Placement, bool) {
	meta := s.catalog.machine(machine).liveMeta()
	if meta == nil {
		return factory.Placement{}, false
	}
	return meta.Placement, true
}

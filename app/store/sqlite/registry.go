package sqlite

import (
	"context"
	"fmt"
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
		return factory.Machine{}, fmt.Errorf("machine %q: %w", id, factory.ErrNotFound)
	}
	result := meta.toMachine()
	result.LastSeen = s.lastSeen(id)
	return result, nil
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
	if q.Limit < 1 {
		return page, fmt.Errorf("limit %d is less than 1: %w", q.Limit, factory.ErrInvalid)
	}
	all := s.catalog.allMachines()
	start := sort.Search(len(all), func(i int) bool { return all[i].id >= q.Prefix })
	if q.Cursor != "" {
		after, err := machinesCursor.Decode(q.Cursor)
		if err != nil {
			return page, err
		}
		start = max(start, sort.Search(len(all), func(i int) bool { return all[i].id > after.Machine }))
	}
	for _, m := range all[start:] {
		if !strings.HasPrefix(m.id, q.Prefix) {
			break
		}
		meta := m.liveMeta()
		if meta == nil || !q.Selects(meta.Machine) {
			continue
		}
		if len(page.Machines) == q.Limit {
			page.NextCursor = machinesCursor.Encode(store.Position{Machine: page.Machines[q.Limit-1].ID})
			break
		}
		result := meta.toMachine()
		result.LastSeen = s.lastSeen(m.id)
		page.Machines = append(page.Machines, result)
	}
	return page, nil
}

// Metric implements factory.Registry.
func (s *Store) Metric(ctx context.Context, machine, name string) (factory.Metric, error) {
	if err := s.queue.Check(ctx, "query", 0); err != nil {
		return factory.Metric{}, err
	}
	known := s.catalog.find(key{machine, name})
	if known == nil || known.machineDeleted.Load() {
		return factory.Metric{}, fmt.Errorf("machine %q, metric %q: %w", machine, name, factory.ErrNotFound)
	}
	return known.meta.Load().toMetric(known.key), nil
}

// Metrics implements factory.Registry.
func (s *Store) Metrics(ctx context.Context, machine string) (all []factory.Metric, err error) {
	if err := s.queue.Check(ctx, "query", 0); err != nil {
		return nil, err
	}
	if s.catalog.machine(machine).liveMeta() == nil {
		return nil, fmt.Errorf("machine %q: %w", machine, factory.ErrNotFound)
	}
	for _, known := range s.catalog.machineSeries(machine) {
		all = append(all, known.meta.Load().toMetric(known.key))
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

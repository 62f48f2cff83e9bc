package sqlite

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/store"
)

// catalog indexes all series and machines by name. Lookups do not allocate and
// wait only for short critical sections. Only the committer changes the
// catalog.
type catalog struct {
	mu       sync.RWMutex
	byKey    map[key]*series
	machines map[string]*machine // includes deleted machines
	// epoch counts deletions and purges of machines. The result of a lookup
	// may be stale once the epoch has changed.
	epoch int

	// sortedSeries are all series in the order of their keys, sortedMachines
	// all machines by id. A published slice is immutable; changes replace it.
	sortedSeries   atomic.Pointer[[]*series]
	sortedMachines atomic.Pointer[[]*machine]
}

func newCatalog() *catalog {
	c := &catalog{byKey: make(map[key]*series), machines: make(map[string]*machine)}
	c.sortedSeries.Store(new([]*series))
	c.sortedMachines.Store(new([]*machine))
	return c
}

// find returns the series of k, or nil. It does not retain the strings of k.
func (c *catalog) find(k key) *series {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byKey[k]
}

// machine returns the machine with the id, which may be deleted, or nil.
func (c *catalog) machine(id string) *machine {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.machines[id]
}

// allSeries returns all series in the order of their keys. The caller must not
// modify the slice.
func (c *catalog) allSeries() []*series { return *c.sortedSeries.Load() }

// allMachines returns all machines, including deleted ones, in the order of
// their ids. The caller must not modify the slice.
func (c *catalog) allMachines() []*machine { return *c.sortedMachines.Load() }

// machineSeries returns the series of a machine in the order of their metrics.
func (c *catalog) machineSeries(machine string) []*series {
	all := c.allSeries()
	from := sort.Search(len(all), func(i int) bool { return all[i].Machine >= machine })
	rest := all[from:]
	to := sort.Search(len(rest), func(i int) bool { return rest[i].Machine > machine })
	return rest[:to]
}

// add publishes series and machines that are not in the catalog yet.
func (c *catalog) add(added []*series, machines []*machine) {
	if len(added) == 0 && len(machines) == 0 {
		return
	}
	c.mu.Lock()
	for _, s := range added {
		c.byKey[s.key] = s
	}
	for _, m := range machines {
		c.machines[m.id] = m
	}
	c.mu.Unlock()
	publish(&c.sortedSeries, added, func(a, b *series) int { return a.Compare(b.key) })
	publish(&c.sortedMachines, machines, func(a, b *machine) int { return strings.Compare(a.id, b.id) })
}

// publish replaces the sorted slice by one that includes added.
func publish[T any](sorted *atomic.Pointer[[]T], added []T, compare func(a, b T) int) {
	if len(added) == 0 {
		return
	}
	a, b := *sorted.Load(), slices.SortedFunc(slices.Values(added), compare)
	merged := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if compare(a[0], b[0]) < 0 {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	merged = append(append(merged, a...), b...)
	sorted.Store(&merged)
}

// setDeleted publishes the metadata of a machine that is deleted or undeleted.
func (c *catalog) setDeleted(m *machine, meta *store.Machine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.meta.Store(meta)
	c.epoch++
	for _, s := range c.machineSeries(m.id) {
		s.machineDeleted.Store(meta.Deleted)
	}
}

// purge removes a machine and its series from the catalog and returns the
// series.
func (c *catalog) purge(m *machine) []*series {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := c.machineSeries(m.id)
	for _, s := range gone {
		s.purged.Store(true)
		delete(c.byKey, s.key)
	}
	delete(c.machines, m.id)
	c.epoch++
	series := slices.DeleteFunc(slices.Clone(c.allSeries()), func(s *series) bool { return s.Machine == m.id })
	machines := slices.DeleteFunc(slices.Clone(c.allMachines()), func(other *machine) bool { return other == m })
	c.sortedSeries.Store(&series)
	c.sortedMachines.Store(&machines)
	return gone
}

// countMachines counts the machines that are not deleted.
func (c *catalog) countMachines() (n int) {
	for _, m := range c.allMachines() {
		if m.liveMeta() != nil {
			n++
		}
	}
	return n
}

package sqlite

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"
)

// catalog knows all series by name. Lookups take no lock that a commit holds
// for long and allocate nothing; only the committer adds.
type catalog struct {
	mu    sync.RWMutex
	byKey map[key]*series

	// sorted has all series in the order of their keys. A new slice replaces
	// it; nobody changes one that is published.
	sorted   atomic.Pointer[[]*series]
	machines atomic.Int64
}

func newCatalog() *catalog {
	c := &catalog{byKey: make(map[key]*series)}
	c.sorted.Store(new([]*series))
	return c
}

// find returns the series of k, or nil. It does not keep the strings in k.
func (c *catalog) find(k key) *series {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byKey[k]
}

// all returns every series in the order of their keys. The caller must not
// change the slice.
func (c *catalog) all() []*series {
	return *c.sorted.Load()
}

// ofMachine returns the series of one machine in the order of their metrics.
func (c *catalog) ofMachine(machine string) []*series {
	all := c.all()
	from := sort.Search(len(all), func(i int) bool { return all[i].machine >= machine })
	rest := all[from:]
	to := sort.Search(len(rest), func(i int) bool { return rest[i].machine > machine })
	return rest[:to]
}

// add publishes new series, whose keys are not known yet.
func (c *catalog) add(fresh []*series) {
	if len(fresh) == 0 {
		return
	}
	c.mu.Lock()
	for _, s := range fresh {
		c.byKey[s.key] = s
	}
	c.mu.Unlock()
	fresh = slices.Clone(fresh)
	slices.SortFunc(fresh, func(a, b *series) int {
		if a.less(b.key) {
			return -1
		}
		return 1
	})
	known := c.all()
	c.machines.Add(newMachines(known, fresh))
	merged := mergeSeries(known, fresh)
	c.sorted.Store(&merged)
}

// newMachines counts the machines in fresh that known does not have. Both are
// in order.
func newMachines(known, fresh []*series) (n int64) {
	for i, s := range fresh {
		if i > 0 && fresh[i-1].machine == s.machine {
			continue
		}
		at := sort.Search(len(known), func(i int) bool { return known[i].machine >= s.machine })
		if at == len(known) || known[at].machine != s.machine {
			n++
		}
	}
	return n
}

func mergeSeries(a, b []*series) []*series {
	merged := make([]*series, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].less(b[0].key) {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	return append(append(merged, a...), b...)
}

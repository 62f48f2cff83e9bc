package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

type key = store.Key

// machine is the cached part of a registered machine, guarded by the cache's
// mu.
type machine struct {
	placement factory.Placement
	deleted   bool
}

// series is the cached part of a series. It is immutable; the cache replaces
// it. A series whose id is 0 is not registered.
type series struct {
	key
	id        int64
	retention time.Duration
}

// registryCache is this replica's copy of the registry at one version. An
// append commits only if the database still has that version.
type registryCache struct {
	mu             sync.RWMutex
	version        int64
	byKey          map[key]*series
	machines       map[string]*machine // including deleted ones
	activeMachines int                 // number of machines that are not deleted
	ofMachine      map[string]int      // number of series of each machine
	senders        store.SenderCounts

	// refreshMu is held while the database is queried. lastRefresh is the number
	// of the last refresh that succeeded.
	refreshMu        sync.Mutex
	refreshesStarted atomic.Int64
	lastRefresh      int64
}

// currentVersion returns the version of the copy.
func (c *registryCache) currentVersion() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version
}

// counts returns the number of series and of machines that are not deleted.
func (c *registryCache) counts() (series, machines int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.byKey), c.activeMachines
}

// activeSeriesLocked returns the series with the key k, or nil if it is not
// registered or its machine is deleted. The caller holds mu.
func (c *registryCache) activeSeriesLocked(k key) *series {
	s := c.byKey[k]
	if s == nil || c.machines[k.Machine].deleted {
		return nil
	}
	return s
}

// placement returns the placement of a machine. ok is false if the machine is
// not registered or is deleted.
func (c *registryCache) placement(id string) (p factory.Placement, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m := c.machines[id]
	if m == nil || m.deleted {
		return factory.Placement{}, false
	}
	return m.placement, true
}

// refresh updates the cache to a state that the database had after the call
// began. Concurrent calls share one query.
func (c *registryCache) refresh(ctx context.Context, s *Store) error {
	started := c.refreshesStarted.Load()
	c.refreshMu.Lock()
	defer c.refreshMu.Unlock()
	if c.lastRefresh > started {
		return nil
	}
	n := c.refreshesStarted.Add(1)
	err := s.inTransaction(ctx, s.writePool, readOnly, func(ctx context.Context, tx pgx.Tx) error {
		return c.load(ctx, tx, false)
	})
	if err != nil {
		return fmt.Errorf("read the registry: %w", err)
	}
	c.lastRefresh = n
	return nil
}

// registryDelta is what changed in the registry up to a version.
type registryDelta struct {
	version  int64
	full     bool // the whole registry rather than a change
	machines map[string]machine
	series   []*series
}

// load queries what has changed since the cached version, or everything if full
// is true, and applies it. q must see a single snapshot of committed data.
func (c *registryCache) load(ctx context.Context, q querier, full bool) error {
	since := c.currentVersion()
	delta := registryDelta{machines: make(map[string]machine)}
	var rebuilt int64
	if err := q.QueryRow(ctx, "SELECT version, rebuilt FROM catalog_state").Scan(&delta.version, &rebuilt); err != nil {
		return err
	}
	// The version goes back when the server was restored from a backup, or when
	// a lagging standby was promoted.
	delta.full = full || since == 0 || rebuilt > since || delta.version < since
	if delta.version == since && !delta.full {
		return nil
	}
	if delta.full {
		since = 0
	}
	rows, err := q.Query(ctx, "SELECT id, site, area, line, deleted FROM machine WHERE changed > $1", since)
	if err != nil {
		return err
	}
	var id string
	var m machine
	_, err = pgx.ForEachRow(rows, []any{&id, &m.placement.Site, &m.placement.Area, &m.placement.Line, &m.deleted}, func() error {
		delta.machines[id] = m
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = q.Query(ctx, "SELECT id, machine, metric, retention FROM series WHERE changed > $1", since)
	if err != nil {
		return err
	}
	var one series
	_, err = pgx.ForEachRow(rows, []any{&one.id, &one.Machine, &one.Metric, (*int64)(&one.retention)}, func() error {
		delta.series = append(delta.series, &series{one.key, one.id, one.retention})
		return nil
	})
	if err != nil {
		return err
	}
	c.apply(delta)
	return nil
}

// apply updates the cache, unless it is newer than the delta already.
func (c *registryCache) apply(delta registryDelta) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if delta.version < c.version && !delta.full {
		return // another goroutine loaded a newer state
	}
	if delta.full {
		c.byKey = make(map[key]*series, len(delta.series))
		c.machines = make(map[string]*machine, len(delta.machines))
		c.ofMachine = make(map[string]int, len(delta.machines))
	}
	for id, m := range delta.machines {
		c.machines[id] = &m
	}
	for _, s := range delta.series {
		if c.byKey[s.key] == nil {
			c.ofMachine[s.Machine]++
		}
		c.byKey[s.key] = s
	}
	if delta.full {
		c.senders.Keep(func(machine string) bool { return c.machines[machine] != nil })
	}
	c.activeMachines = 0
	for _, m := range c.machines {
		if !m.deleted {
			c.activeMachines++
		}
	}
	c.version = delta.version
}

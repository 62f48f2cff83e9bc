package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// machine is what has to be known of a machine at once. Its fields are guarded
// by the catalog's mu.
type machine struct {
	placement factory.Placement
	deleted   bool
}

// series is what has to be known of a series to take a reading of it. It does
// not change; the catalog replaces it. One without an id is not registered.
type series struct {
	key
	id        int64
	retention time.Duration
}

// catalog is this replica's copy of the registry, as it was at a version that
// the database gave it. A commit succeeds only if that is the present one.
type registryCache struct {
	mu             sync.RWMutex
	version        int64
	byKey          map[key]*series
	machines       map[string]*machine // the deleted ones too
	activeMachines int                 // of the machines, those that are not deleted

	// refreshing is held by the one that asks the database; done is the highest
	// ticket of those that have succeeded.
	refreshMu        sync.Mutex
	refreshesStarted atomic.Int64
	lastRefresh      int64
}

// querier is a transaction or a connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// at returns the version that the copy is of.
func (c *registryCache) currentVersion() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version
}

// counts returns the numbers of series and of machines that are not deleted.
func (c *registryCache) counts() (series, machines int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.byKey), c.activeMachines
}

// takingLocked returns the series with the key k if it takes readings now.
func (c *registryCache) activeSeriesLocked(k key) *series {
	s := c.byKey[k]
	if s == nil || c.machines[k.machine].deleted {
		return nil
	}
	return s
}

// placement says where a machine stands.
func (c *registryCache) placement(id string) (factory.Placement, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m := c.machines[id]
	if m == nil || m.deleted {
		return factory.Placement{}, false
	}
	return m.placement, true
}

// refresh brings the catalog to a state that the database had after the call
// began. Calls at the same time share the work. whole forgets what was known.
func (c *registryCache) refresh(ctx context.Context, s *Store, whole bool) error {
	ticket := c.refreshesStarted.Load()
	c.refreshMu.Lock()
	defer c.refreshMu.Unlock()
	if c.lastRefresh > ticket && !whole {
		return nil
	}
	n := c.refreshesStarted.Add(1)
	err := s.inTransaction(ctx, s.writePool, readOnly, func(ctx context.Context, tx pgx.Tx) error {
		return c.load(ctx, tx, whole)
	})
	if err != nil {
		return fmt.Errorf("read the registry: %w", err)
	}
	c.lastRefresh = n
	return nil
}

// changes are what load has found.
type registryDelta struct {
	version  int64
	whole    bool
	machines map[string]machine
	series   []*series
}

// load asks for what has changed and takes it over. q must be a transaction
// that sees one state throughout, which is committed.
func (c *registryCache) load(ctx context.Context, q querier, whole bool) error {
	known := c.currentVersion()
	found := registryDelta{machines: make(map[string]machine)}
	var rebuilt int64
	if err := q.QueryRow(ctx, "SELECT version, rebuilt FROM catalog_state").Scan(&found.version, &rebuilt); err != nil {
		return err
	}
	// A version that is lower than before is that of another past: the server
	// was restored, or a standby that lagged has taken over.
	found.whole = whole || known == 0 || rebuilt > known || found.version < known
	if found.version == known && !found.whole {
		return nil
	}
	if found.whole {
		known = 0
	}
	rows, err := q.Query(ctx, "SELECT id, site, area, line, deleted FROM machine WHERE changed > $1", known)
	if err != nil {
		return err
	}
	var id string
	var m machine
	_, err = pgx.ForEachRow(rows, []any{&id, &m.placement.Site, &m.placement.Area, &m.placement.Line, &m.deleted}, func() error {
		found.machines[id] = m
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = q.Query(ctx, "SELECT id, machine, metric, retention FROM series WHERE changed > $1", known)
	if err != nil {
		return err
	}
	var one series
	_, err = pgx.ForEachRow(rows, []any{&one.id, &one.machine, &one.metric, (*int64)(&one.retention)}, func() error {
		found.series = append(found.series, &series{one.key, one.id, one.retention})
		return nil
	})
	if err != nil {
		return err
	}
	c.apply(found)
	return nil
}

// take makes what was found the present state.
func (c *registryCache) apply(found registryDelta) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found.version < c.version && !found.whole {
		return // another connection was faster
	}
	if found.whole {
		c.byKey = make(map[key]*series, len(found.series))
		c.machines = make(map[string]*machine, len(found.machines))
	}
	for id, m := range found.machines {
		c.machines[id] = &m
	}
	for _, s := range found.series {
		c.byKey[s.key] = s
	}
	c.activeMachines = 0
	for _, m := range c.machines {
		if !m.deleted {
			c.activeMachines++
		}
	}
	c.version = found.version
}

package sqlite

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// registryChange is a change of a machine or a metric that the committer
// carries out, so that changes and readings have one order.
type registryChange struct {
	// prepare decides on the committing goroutine what to do. It returns write,
	// which runs in a transaction of its own, and publish, which runs once that
	// is durable. A nil write means that nothing changes. An error is returned
	// to the caller.
	prepare func(c *committer) (write func(*conn) error, publish func(), err error)
	machine string // the machine whose rows change
}

// commitChange carries out a change of the registry and finishes its request.
func (c *committer) commitChange(r *request) {
	err := c.tryChange(r.change)
	c.queue.Release(r.Size())
	r.Finish(err)
}

func (c *committer) tryChange(o *registryChange) (err error) {
	defer store.RecoverAs(&err)
	write, publish, err := o.prepare(c)
	if err != nil || write == nil {
		return err
	}
	err = c.writer.transact(func(conn *conn) error {
		if err := c.removeUncommitted(conn); err != nil {
			return err
		}
		return write(conn)
	})
	if err != nil {
		c.dirty = true
		c.markDirty(o.machine)
		err = store.Unavailable("register", err)
		c.faults.Set(faultCommit, err)
		return err
	}
	c.clearDirty()
	c.faults.Set(faultCommit, nil)
	publish()
	return nil
}

// submitChange lets the committer carry out a change and waits for the
// outcome.
func (s *Store) submitChange(ctx context.Context, o *registryChange) error {
	if err := s.queue.Check(ctx, "register", 0); err != nil {
		return err
	}
	_, err := s.queue.Submit(ctx, "register", &request{Request: store.NewRequest(), change: o})
	return err
}

// PutMachine implements factory.Registry.
func (s *Store) PutMachine(ctx context.Context, put factory.Machine, match factory.Match) (stored factory.Machine, created bool, err error) {
	if err := factory.ValidateMachine(put); err != nil {
		return stored, false, err
	}
	put.ID, put.Name = strings.Clone(put.ID), strings.Clone(put.Name)
	put.Site, put.Area, put.Line = strings.Clone(put.Site), strings.Clone(put.Area), strings.Clone(put.Line)
	put.Attributes = cloneStrings(put.Attributes)
	err = s.submitChange(ctx, &registryChange{machine: put.ID, prepare: func(c *committer) (func(*conn) error, func(), error) {
		known := c.catalog.machine(put.ID)
		next := &machineMeta{}
		now := c.options.now().UnixMilli()
		switch meta := known.liveMeta(); {
		case meta != nil:
			*next = *meta
		case known != nil:
			*next = *known.meta.Load().undeleted(now)
			created = true
		case len(c.catalog.allMachines()) >= c.options.MaxSeries:
			return nil, nil, c.limitError("machines")
		default:
			*next = *newMachine(put.ID, now).meta.Load()
			created = true
		}
		version := next.Version
		if created {
			version = 0
		}
		if !match.Allows(version) {
			return nil, nil, fmt.Errorf("machine %q: %w", put.ID, factory.ErrPrecondition)
		}
		same := next.Name == put.Name && next.Placement == put.Placement && maps.Equal(next.Attributes, put.Attributes)
		if !created && same {
			stored = next.toMachine()
			return nil, nil, nil
		}
		if !created {
			next.Version++
			next.UpdatedAt = now
		}
		next.Name, next.Placement, next.Attributes = put.Name, put.Placement, put.Attributes
		stored = next.toMachine()
		return next.write, func() { c.publishMachine(put.ID, next) }, nil
	}})
	if err != nil {
		return factory.Machine{}, false, err
	}
	stored.LastSeen = s.lastSeen(put.ID)
	return stored, created, nil
}

// publishMachine makes the metadata of a machine visible to queries.
func (c *committer) publishMachine(id string, meta *machineMeta) {
	m := c.catalog.machine(id)
	switch {
	case m == nil:
		m = &machine{id: id}
		m.meta.Store(meta)
		c.catalog.add(nil, []*machine{m})
	case m.liveMeta() == nil:
		c.catalog.setDeleted(m, meta)
	default:
		m.meta.Store(meta)
	}
}

// DeleteMachine implements factory.Registry.
func (s *Store) DeleteMachine(ctx context.Context, id string, match factory.Match, purge bool) error {
	err := s.submitChange(ctx, &registryChange{machine: id, prepare: func(c *committer) (func(*conn) error, func(), error) {
		known := c.catalog.machine(id)
		meta := known.liveMeta()
		if known == nil || meta == nil && !purge {
			return nil, nil, fmt.Errorf("machine %q: %w", id, factory.ErrNotFound)
		}
		version := int64(0)
		if meta != nil {
			version = meta.Version
		}
		if !match.Allows(version) {
			return nil, nil, fmt.Errorf("machine %q: %w", id, factory.ErrPrecondition)
		}
		if purge {
			return c.purgeMachine(known)
		}
		next := *meta
		next.deleted = true
		return next.write, func() { c.catalog.setDeleted(known, &next) }, nil
	}})
	if err == nil && purge {
		s.sealer.signal()
	}
	return err
}

// purgeMachine removes a machine and its series from the registry. The sealer
// then deletes their points in small steps.
func (c *committer) purgeMachine(m *machine) (write func(*conn) error, publish func(), err error) {
	seq := c.lastSeq
	write = func(conn *conn) error {
		for _, s := range c.catalog.machineSeries(m.id) {
			if err := conn.exec("INSERT OR REPLACE INTO purged (series_id, seq) VALUES (?, ?)", s.id, seq); err != nil {
				return err
			}
			if err := conn.exec("DELETE FROM series WHERE id = ?", s.id); err != nil {
				return err
			}
		}
		return conn.exec("DELETE FROM machine WHERE id = ?", m.id)
	}
	return write, func() {
		for _, s := range c.catalog.purge(m) {
			c.sealer.markPurged(s.id, seq)
		}
	}, nil
}

// PutMetric implements factory.Registry.
func (s *Store) PutMetric(ctx context.Context, put factory.Metric, match factory.Match) (stored factory.Metric, created bool, err error) {
	if err := s.queue.Check(ctx, "query", 0); err != nil {
		return stored, false, err
	}
	if s.catalog.machine(put.Machine).liveMeta() == nil {
		return stored, false, fmt.Errorf("machine %q: %w", put.Machine, factory.ErrNotFound)
	}
	if err := factory.ValidateMetric(put); err != nil {
		return stored, false, err
	}
	k := key{strings.Clone(put.Machine), strings.Clone(put.Name)}
	described := put
	described.Unit = strings.Clone(put.Unit)
	err = s.submitChange(ctx, &registryChange{machine: k.machine, prepare: func(c *committer) (func(*conn) error, func(), error) {
		if c.catalog.machine(k.machine).liveMeta() == nil {
			return nil, nil, fmt.Errorf("machine %q: %w", k.machine, factory.ErrNotFound)
		}
		known := c.catalog.find(k)
		now := c.options.now().UnixMilli()
		before := newMetricMeta(now)
		version := int64(0)
		if known != nil {
			before = known.meta.Load()
			version = before.version
		}
		if !match.Allows(version) {
			return nil, nil, fmt.Errorf("metric %q of machine %q: %w", k.metric, k.machine, factory.ErrPrecondition)
		}
		next := updatedMetric(described, before)
		if known != nil && next.equal(before) {
			stored = before.toMetric(k)
			return nil, nil, nil
		}
		if known == nil {
			created = true
			return c.addMetric(k, next, &stored)
		}
		next.version++
		next.updatedAt = now
		stored = next.toMetric(k)
		return func(conn *conn) error { return next.write(conn, known.id, k) }, func() { known.meta.Store(next) }, nil
	}})
	if err != nil {
		return factory.Metric{}, false, err
	}
	return stored, created, nil
}

// addMetric registers a series that has no points yet.
func (c *committer) addMetric(k key, meta *metricMeta, stored *factory.Metric) (write func(*conn) error, publish func(), err error) {
	if len(c.catalog.allSeries()) >= c.options.MaxSeries {
		return nil, nil, c.limitError("series")
	}
	s := newSeries(c.lastSeries+1, k, meta)
	*stored = meta.toMetric(k)
	return func(conn *conn) error { return meta.write(conn, s.id, k) }, func() {
		c.lastSeries = s.id
		c.catalog.add([]*series{s}, nil)
	}, nil
}

func cloneStrings(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	c := make(map[string]string, len(m))
	for k, v := range m {
		c[strings.Clone(k)] = strings.Clone(v)
	}
	return c
}

package sqlite

import (
	"bytes"
	"context"
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
	// audit is the event that records the change, if it has an ID. prepare sets it.
	audit factory.Event
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
		c.journal.nextSeq = c.journal.lastSeq + 1
		if o.audit.ID != "" {
			if _, err := c.journal.appendEvent(conn, 0, o.audit); err != nil {
				return err
			}
		}
		return write(conn)
	})
	if err != nil {
		c.dirty = true
		c.dirtyMachines[o.machine] = true
		err = store.Unavailable("register", err)
		c.faults.Set(faultCommit, err)
		return err
	}
	c.clearDirty()
	c.faults.Set(faultCommit, nil)
	publish()
	c.journal.publish()
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
	put.Attributes, put.Signals = cloneStrings(put.Attributes), bytes.Clone(put.Signals)
	var next *store.Machine
	change := &registryChange{machine: put.ID}
	change.prepare = func(c *committer) (write func(*conn) error, publish func(), err error) {
		m := c.catalog.machine(put.ID)
		var known *store.Machine
		if m != nil {
			known = m.meta.Load()
		}
		if next, created, err = store.PutMachine(known, put, match, c.options.now().UnixMilli()); err != nil || next == known {
			return nil, nil, err
		}
		if known == nil {
			if err := c.options.seriesLimits().CheckMachine(len(c.catalog.allMachines())); err != nil {
				return nil, nil, err
			}
		}
		change.audit = store.MachineAudit(ctx, put.ID, known, next, next.UpdatedAt)
		return func(conn *conn) error { return writeMachine(conn, next) }, func() { c.publishMachine(m, next) }, nil
	}
	if err = s.submitChange(ctx, change); err != nil {
		return factory.Machine{}, false, err
	}
	return s.publicMachine(next), created, nil
}

// publishMachine makes the metadata of m visible to queries. m is nil for a new
// machine.
func (c *committer) publishMachine(m *machine, meta *store.Machine) {
	switch {
	case m == nil:
		c.catalog.add(nil, []*machine{newMachine(meta)})
	case m.meta.Load().Deleted != meta.Deleted:
		c.catalog.setDeleted(m, meta)
	default:
		m.meta.Store(meta)
	}
}

// DeleteMachine implements factory.Registry.
func (s *Store) DeleteMachine(ctx context.Context, id string, match factory.Match, purge bool) error {
	for more := purge; more; {
		var err error
		if more, err = s.purgeEvents(ctx, id, match); err != nil {
			return err
		}
	}
	change := &registryChange{machine: id}
	change.prepare = func(c *committer) (func(*conn) error, func(), error) {
		m, known, err := c.machineToDelete(id, match, purge)
		if err != nil {
			return nil, nil, err
		}
		change.audit = store.MachineAudit(ctx, id, known, nil, c.options.now().UnixMilli())
		if purge {
			return c.purgeMachine(m)
		}
		next := *known
		next.Deleted = true
		return func(conn *conn) error { return writeMachine(conn, &next) }, func() { c.publishMachine(m, &next) }, nil
	}
	err := s.submitChange(ctx, change)
	if err == nil && purge {
		s.sealer.signal()
	}
	return err
}

// machineToDelete returns a machine and its metadata, or why it must not be deleted.
func (c *committer) machineToDelete(id string, match factory.Match, purge bool) (m *machine, known *store.Machine, err error) {
	if m = c.catalog.machine(id); m != nil {
		known = m.meta.Load()
	}
	return m, known, store.CheckDelete(known, id, match, purge)
}

// deleteBatchEvents limits the events that one transaction deletes, and so the time
// that commits wait for it.
const deleteBatchEvents = 5000

// purgeEvents deletes events of a machine that is about to be purged. It reports
// whether there may be more.
func (s *Store) purgeEvents(ctx context.Context, id string, match factory.Match) (more bool, err error) {
	err = s.submitChange(ctx, &registryChange{machine: id, prepare: func(c *committer) (func(*conn) error, func(), error) {
		if _, _, err := c.machineToDelete(id, match, true); err != nil {
			return nil, nil, err
		}
		// The last event stays, because seq continues from it.
		return func(conn *conn) error {
			n, err := conn.execCount("DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE machine = ? AND seq < ? LIMIT ?)",
				id, c.journal.lastSeq, int64(deleteBatchEvents))
			more = n == deleteBatchEvents
			return err
		}, func() {}, nil
	}})
	return more, err
}

// purgeMachine removes a machine, its series and its events. The sealer then deletes
// the points in small steps.
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
		if err := conn.exec("DELETE FROM event WHERE machine = ?", m.id); err != nil {
			return err
		}
		return deleteMachineDocuments(conn, m.id)
	}
	return write, func() {
		c.senders.Purge(m.id)
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
		return stored, false, store.MachineNotFound(put.Machine)
	}
	if err := factory.ValidateMetric(put); err != nil {
		return stored, false, err
	}
	put = cloneMetric(put)
	put.Machine, put.Name, put.Unit = strings.Clone(put.Machine), strings.Clone(put.Name), strings.Clone(put.Unit)
	var next *factory.Metric
	change := &registryChange{machine: put.Machine}
	change.prepare = func(c *committer) (write func(*conn) error, publish func(), err error) {
		if c.catalog.machine(put.Machine).liveMeta() == nil {
			return nil, nil, store.MachineNotFound(put.Machine)
		}
		known := c.catalog.find(key{Machine: put.Machine, Metric: put.Name})
		var before *factory.Metric
		if created = known == nil; !created {
			before = known.metric()
		}
		if next, err = store.PutMetric(before, put, match, c.options.now().UnixMilli()); err != nil || next == before {
			return nil, nil, err
		}
		change.audit = store.MetricAudit(ctx, before, *next, next.UpdatedAt)
		if !created {
			return func(conn *conn) error { return writeMetric(conn, known.id, next) }, func() { known.meta.Store(next) }, nil
		}
		if err := c.options.seriesLimits().CheckSeries(len(c.catalog.allSeries()), len(c.catalog.machineSeries(put.Machine))); err != nil {
			return nil, nil, err
		}
		added := newSeries(c.lastSeries+1, next)
		return func(conn *conn) error { return writeMetric(conn, added.id, next) }, func() {
			c.lastSeries = added.id
			c.catalog.add([]*series{added}, nil)
		}, nil
	}
	if err = s.submitChange(ctx, change); err != nil {
		return factory.Metric{}, false, err
	}
	return cloneMetric(*next), created, nil
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

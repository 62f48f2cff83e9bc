package sqlite

import (
	"smart-factory-backend/app/store"
)

// pendingSeries are the series and machines that a commit registers together
// with its readings.
type pendingSeries struct {
	series []*series
	// senders are the senders of series, by index. bySender and byMachine count
	// series.
	senders             []string
	bySender, byMachine map[string]int
	// machines are the new and the undeleted machines, by id.
	machines map[string]*store.Machine
	rejected int // readings whose series could not be registered
}

// register resolves the unresolved entries of group and returns what has to be
// registered for them. New series get the ids after lastSeries. An entry that
// a limit forbids is rejected and keeps a nil series.
func (c *committer) register(group []*request) *pendingSeries {
	n := &pendingSeries{machines: make(map[string]*store.Machine), bySender: make(map[string]int), byMachine: make(map[string]int)}
	pending := make(map[key]*series)
	now := c.options.now().UnixMilli()
	for _, r := range group {
		if r.epoch != c.catalog.epoch { // only this goroutine changes it
			c.resolveAgain(r)
		}
		for _, u := range r.unresolved {
			s := pending[u.key]
			if s == nil {
				var err error
				if s, err = c.seriesFor(u.key, r.Sender, n, now); err != nil {
					r.Reject(u.index, err)
					n.rejected++
				} else {
					pending[u.key] = s
				}
			}
			r.entries[u.entry].series = s
		}
	}
	return n
}

// resolveAgain marks the entries of r as unresolved whose series was deleted
// or purged since resolve looked it up.
func (c *committer) resolveAgain(r *request) {
	alreadyRejected := r.Rejected
	for i, index := 0, 0; i < len(r.entries); i, index = i+1, index+1 {
		for len(alreadyRejected) > 0 && alreadyRejected[0].Index == index {
			alreadyRejected = alreadyRejected[1:]
			index++
		}
		if s := r.entries[i].series; s != nil && (s.purged.Load() || s.machineDeleted.Load()) {
			r.entries[i].series = nil
			r.unresolved = append(r.unresolved, unresolvedEntry{key: s.key, index: index, entry: i})
		}
	}
}

// seriesFor returns the series of k. If it is new or its machine is deleted,
// seriesFor adds to n what has to be written.
func (c *committer) seriesFor(k key, sender string, n *pendingSeries, now int64) (*series, error) {
	s := c.catalog.find(k)
	if s != nil && !s.machineDeleted.Load() {
		return s, nil // another request has registered it
	}
	if !c.options.AutoRegister {
		return nil, store.NotRegistered(k.Machine, k.Metric)
	}
	if s == nil {
		if err := c.checkLimits(k, sender, n); err != nil {
			return nil, err
		}
	}
	if meta := n.machines[k.Machine]; meta == nil {
		switch m := c.catalog.machine(k.Machine); {
		case m == nil:
			n.machines[k.Machine] = store.NewMachine(k.Machine, now)
		case m.liveMeta() == nil:
			n.machines[k.Machine] = m.meta.Load().Restored(now)
		}
	}
	if s == nil {
		s = newSeries(c.lastSeries+int64(len(n.series))+1, store.NewMetric(k, now))
		n.series, n.senders = append(n.series, s), append(n.senders, sender)
		n.bySender[sender]++
		n.byMachine[k.Machine]++
	}
	return s, nil
}

// checkLimits returns an error if the new series k, and its machine if that is
// new, may not be added to n.
func (c *committer) checkLimits(k key, sender string, n *pendingSeries) error {
	limits := c.options.seriesLimits()
	if c.catalog.machine(k.Machine) == nil && n.machines[k.Machine] == nil {
		if err := limits.CheckMachine(len(c.catalog.allMachines()) + len(n.machines)); err != nil {
			return err
		}
	}
	ofMachine := len(c.catalog.machineSeries(k.Machine)) + n.byMachine[k.Machine]
	if err := limits.CheckSeries(len(c.catalog.allSeries())+len(n.series), ofMachine); err != nil {
		return err
	}
	return c.senders.Check(sender, n.bySender[sender], limits)
}

// write registers the series and machines in the file.
func (n *pendingSeries) write(conn *conn) error {
	for _, meta := range n.machines {
		if err := writeMachine(conn, meta); err != nil {
			return err
		}
	}
	for _, s := range n.series {
		if err := writeMetric(conn, s.id, s.metric()); err != nil {
			return err
		}
	}
	return nil
}

// publish makes series and machines visible to queries once they are durable.
func (c *committer) publish(n *pendingSeries) {
	var machines []*machine
	for id, meta := range n.machines {
		if m := c.catalog.machine(id); m != nil {
			c.catalog.setDeleted(m, meta)
			continue
		}
		machines = append(machines, newMachine(meta))
	}
	c.catalog.add(n.series, machines)
	for i, s := range n.series {
		c.senders.Add(n.senders[i], s.Machine)
	}
}

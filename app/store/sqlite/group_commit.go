package sqlite

import (
	"math"
	"time"

	"smart-factory-backend/app/store"
)

// committer implements the group commit: it takes everything that is queued,
// commits it as one row of the ingest log and then adds the points to their
// series. The next group gathers meanwhile. If nothing else waits, a single
// reading is committed at once.
type committer struct {
	queue     *store.Queue[*request]
	writer    *writer
	catalog   *catalog
	sealer    *sealer
	sealQueue *sealQueue
	options   Options
	faults    *store.Faults
	stats     store.CommitStats
	senders   store.SenderCounts

	// Only the goroutine of run uses the fields below.

	lastSeq    int64 // of the last durable log row
	lastSeries int64 // the highest series id in use
	// dirty is set after a failed commit, whose rows may be in the file
	// nevertheless. dirtyMachines are those whose rows it may have changed.
	dirty         bool
	dirtyMachines map[string]bool
	encoder       logEncoder
	journal       *journal
}

// run commits until the queue is closed and empty. While commits fail, it
// tries an empty one every probeEvery, to find out when the disk works again.
func (c *committer) run() {
	probe := time.NewTicker(c.options.probeEvery)
	defer probe.Stop()
	c.queue.Run(math.MaxInt, func(group []*request) {
		if len(group) > 0 || c.faults.Get(faultCommit) != nil {
			c.commit(group)
		}
	}, probe.C)
}

// commit makes the requests of group durable, publishes them to queries and
// finishes them. Consecutive Appends and batches of the journal share a commit; each
// change of the registry has its own. An empty group only tests the disk.
func (c *committer) commit(group []*request) {
	for {
		n := 0
		for n < len(group) && group[n].change == nil {
			n++
		}
		if n > 0 || len(group) == 0 {
			c.commitTogether(group[:n])
		}
		if n == len(group) {
			return
		}
		c.commitChange(group[n])
		group = group[n+1:]
	}
}

// commitTogether is commit for requests that do not change the registry.
func (c *committer) commitTogether(group []*request) {
	readings, size := 0, 0
	for _, r := range group {
		readings += len(r.entries)
		size += r.Size()
	}
	start := time.Now()
	accepted, err := c.tryCommit(group, readings)
	if err != nil {
		c.dirty = true
		err = store.Unavailable("commit", err)
	} else {
		c.stats.Observe(time.Since(start), accepted)
	}
	c.faults.Set(faultCommit, err)
	c.queue.Release(size)
	for _, r := range group {
		if err == nil && r.batch != nil {
			r.Finish(r.batch.refused)
			continue
		}
		r.Finish(err)
	}
}

// tryCommit commits the group, which has so many readings, without finishing
// its requests. It returns how many of the readings were accepted. After an
// error or a panic, none of them may be acknowledged.
func (c *committer) tryCommit(group []*request, readings int) (accepted int, err error) {
	defer store.RecoverAs(&err)
	pending := c.register(group)
	accepted = readings - pending.rejected
	row := c.encode(group, accepted)
	seq := c.lastSeq
	if accepted > 0 || len(group) == 0 {
		seq++
	}
	err = c.writer.transact(func(conn *conn) error {
		if err := c.removeUncommitted(conn); err != nil {
			return err
		}
		if err := pending.write(conn); err != nil {
			return err
		}
		if seq > c.lastSeq {
			if err := conn.exec("INSERT INTO ingest_log (seq, data) VALUES (?, ?)", seq, row); err != nil {
				return err
			}
		}
		return c.journal.write(conn, group)
	})
	if err != nil {
		c.journal.discard()
		for id := range pending.machines {
			c.dirtyMachines[id] = true
		}
		return 0, err
	}
	written := seq > c.lastSeq
	c.lastSeq = seq
	c.lastSeries += int64(len(pending.series))
	c.clearDirty()
	c.publish(pending)
	if written {
		c.apply(group, seq)
		c.sealer.addLogBytes(len(row))
	}
	c.journal.publish()
	return accepted, nil
}

// encode returns the log row with the n accepted readings of group. It is
// valid until the next call.
func (c *committer) encode(group []*request, n int) []byte {
	c.encoder.begin(n)
	for _, r := range group {
		for _, e := range r.entries {
			if e.series != nil {
				c.encoder.add(e.series.id, e.point)
			}
		}
	}
	return c.encoder.finish()
}

// apply adds the committed points of group, which are in log row seq, to their
// series.
func (c *committer) apply(group []*request, seq int64) {
	now := c.options.now().UnixMilli()
	for _, r := range group {
		for _, e := range r.entries {
			if e.series != nil {
				c.sealer.add(e.series, e.point, seq, now)
			}
		}
	}
	c.sealQueue.markApplied(seq)
}

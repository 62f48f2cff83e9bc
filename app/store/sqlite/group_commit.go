package sqlite

import (
	"math"
	"time"

	"smart-factory-backend/app/store"
)

// committer takes everything that is queued, commits it as one log row and
// hands the points to their series. While it commits, the next group gathers;
// when nothing waits, a single reading is committed at once.
type committer struct {
	queue     *store.Queue[*request]
	writer    *writer
	catalog   *catalog
	sealer    *sealer
	sealQueue *sealQueue
	options   Options
	faults    *store.Faults
	stats     store.CommitStats

	// The fields below belong to the committing goroutine.
	lastSeq    int64 // of the last durable log row
	lastSeries int64 // the highest series id
	// dirty: a commit failed whose rows may be in the file all the same.
	// unsure are the machines whose rows it may have changed.
	dirty         bool
	dirtyMachines map[string]bool
	encoder       logEncoder
}

// run commits until the queue is closed and empty. While the disk fails, a
// periodic empty commit finds out when it works again.
func (c *committer) run() {
	probe := time.NewTicker(c.options.probeEvery)
	defer probe.Stop()
	c.queue.Run(math.MaxInt, func(group []*request) {
		if len(group) > 0 || c.faults.Get(faultCommit) != nil {
			c.commit(group)
		}
	}, probe.C)
}

// commit makes the requests of group durable, shows them to readers and
// answers the waiting callers: runs of readings together, each change of the
// registry by itself. An empty group is a probe of the disk.
func (c *committer) commit(group []*request) {
	for {
		n := 0
		for n < len(group) && group[n].change == nil {
			n++
		}
		if n > 0 || len(group) == 0 {
			c.commitReadings(group[:n])
		}
		if n == len(group) {
			return
		}
		c.commitChange(group[n])
		group = group[n+1:]
	}
}

// commitReadings is commit for requests that bring readings.
func (c *committer) commitReadings(group []*request) {
	readings := 0
	for _, r := range group {
		readings += len(r.entries)
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
	c.queue.Release(readings)
	for _, r := range group {
		r.Finish(err)
	}
}

// tryCommit is commitReadings without the answers, for so many readings. It
// returns how many of them it accepted, or an error, also for a panic, when
// none may be acknowledged.
func (c *committer) tryCommit(group []*request, readings int) (accepted int, err error) {
	defer store.RecoverAs(&err)
	pending := c.register(group)
	accepted = readings - pending.rejected
	row := c.encode(group, accepted)
	seq := c.lastSeq + 1
	err = c.writer.transact(func(conn *conn) error {
		if err := c.removeUncommitted(conn); err != nil {
			return err
		}
		if err := pending.write(conn); err != nil {
			return err
		}
		return conn.exec("INSERT INTO ingest_log (seq, data) VALUES (?, ?)", seq, row)
	})
	if err != nil {
		for id := range pending.machines {
			c.markDirty(id)
		}
		return 0, err
	}
	c.lastSeq = seq
	c.lastSeries += int64(len(pending.series))
	c.clearDirty()
	c.publish(pending)
	c.apply(group, seq)
	c.sealer.addLogBytes(len(row))
	return accepted, nil
}

// encode returns the log row of the n accepted readings of group, valid until
// the next call.
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

// apply puts the committed points of group into their series.
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

package store

import (
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
)

// CommitStats counts commits. Its methods may be called concurrently.
type CommitStats struct {
	points, commits       atomic.Uint64
	totalNanos, lastNanos atomic.Int64
}

// Observe counts a successful commit of so many points.
func (c *CommitStats) Observe(duration time.Duration, points int) {
	c.points.Add(uint64(points))
	c.commits.Add(1)
	c.totalNanos.Add(int64(duration))
	c.lastNanos.Store(int64(duration))
}

// Fill sets the fields of stats that describe commits.
func (c *CommitStats) Fill(stats *factory.StoreStats) {
	stats.Points = c.points.Load()
	stats.Commits = c.commits.Load()
	stats.CommitSeconds = time.Duration(c.totalNanos.Load()).Seconds()
	stats.LastCommitSeconds = time.Duration(c.lastNanos.Load()).Seconds()
}

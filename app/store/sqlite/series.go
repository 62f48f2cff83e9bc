package sqlite

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// series is one metric of one machine. Its points are in three layers: the
// chunks in the file, the sealing layer and the buffer. If two layers have a
// point at the same time, the later layer wins.
type series struct {
	key
	id   int64
	meta atomic.Pointer[factory.Metric] // immutable
	// machineDeleted is set while the machine is deleted but keeps its history.
	// purged is set once the series itself is deleted.
	machineDeleted, purged atomic.Bool

	mu        sync.Mutex
	latest    factory.Point
	hasLatest bool        // latest is valid
	buffer    pointBuffer // the newest points
	// sealing is the layer that the sealer is writing to chunks. It is
	// immutable and shared with queries.
	sealing   []factory.Point
	hasChunks bool // the file has at least one chunk

	// The mutex of the sealQueue guards the fields below.
	queued      bool
	full        bool
	prev, next  *series
	firstLogRow int64 // log row of the oldest point in buffer
	queuedAt    int64 // when that point arrived, in Unix milliseconds

	// Only the sealer uses the fields below once the store is open.

	// firstChunkEnd is at most the time of the last point of the first chunk.
	lastChunk     lastChunk
	firstChunkEnd int64
	// nextRollup is the next window to roll up, by level.
	nextRollup [len(rollupLevels)]struct {
		known bool
		at    int64
	}
}

type key = store.Key

// newSeries returns a series without points.
func newSeries(id int64, m *factory.Metric) *series {
	s := &series{id: id, key: key{Machine: m.Machine, Metric: m.Name}}
	s.meta.Store(m)
	return s
}

// metric returns the metadata of the series, which must not be modified.
func (s *series) metric() *factory.Metric { return s.meta.Load() }

// expiry returns the time before which points of the series are expired at
// now; see store.Expiry.
func (s *series) expiry(now int64, byDefault time.Duration) int64 {
	return store.Expiry(s.metric().Retention, byDefault, now)
}

// lastChunk describes the last chunk of a series.
type lastChunk struct {
	end    int64 // time of its last point
	points int   // number of its points; 0 if the series has no chunk
}

// add adds a committed point and returns the number of points in the buffer.
func (s *series) add(p factory.Point) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasLatest || p.ObservedAt >= s.latest.ObservedAt {
		s.latest, s.hasLatest = p, true
	}
	s.buffer.add(p)
	return len(s.buffer.points)
}

// latestPoint returns the newest point by observation time; ok is false if
// there is none.
func (s *series) latestPoint() (factory.Point, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.hasLatest
}

// unsealed returns the first points in memory from from (inclusive) to to
// (exclusive), at most limit, and whether the file has chunks. Callers read
// the file afterwards: what is sealed in the meantime is missing here but
// found there.
func (s *series) unsealed(from, to int64, limit int) (points []factory.Point, chunked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer.sort()
	older := store.Between(s.sealing, from, to)
	newer := store.Between(s.buffer.points, from, to)
	older = older[:min(len(older), limit)]
	newer = newer[:min(len(newer), limit)]
	if len(older)+len(newer) > 0 {
		points = mergePoints(make([]factory.Point, 0, len(older)+len(newer)), older, newer)
	}
	return points[:min(len(points), limit)], s.hasChunks
}

// lastUnsealed returns the last point in memory from from (inclusive) to to
// (exclusive).
func (s *series) lastUnsealed(from, to int64) (last factory.Point, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer.sort()
	for _, layer := range [][]factory.Point{s.sealing, s.buffer.points} {
		part := store.Between(layer, from, to)
		if n := len(part); n > 0 && (!found || part[n-1].ObservedAt >= last.ObservedAt) {
			last, found = part[n-1], true
		}
	}
	return last, found
}

// beginSealing moves the buffer to the sealing layer and returns that layer.
// If a previous attempt to write the layer failed, it returns the same layer
// again.
func (s *series) beginSealing() []factory.Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealing == nil {
		s.buffer.sort()
		s.sealing, s.buffer = s.buffer.points, pointBuffer{}
	}
	return s.sealing
}

// endSealing drops the sealing layer after its points were written to the
// file.
func (s *series) endSealing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealing, s.hasChunks = nil, true
}

// setChunks sets what recovery has read about the chunks of the series.
func (s *series) setChunks(t lastChunk, firstEnd, lastBits int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastChunk, s.firstChunkEnd, s.hasChunks = t, firstEnd, true
	s.latest = factory.Point{ObservedAt: t.end, Value: math.Float64frombits(uint64(lastBits))}
	s.hasLatest = true
}

package sqlite

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/store"

	"smart-factory-backend/app/factory"
)

// series is one metric of one machine. Its points are in three layers: chunks
// in the file, then sealing, then active; the later layer wins where times
// coincide.
type series struct {
	key
	id   int64
	meta atomic.Pointer[metricMeta]
	// machineDeleted: the machine is deleted, with its history kept. purged: the
	// series is forgotten, and what is left of it is to go.
	machineDeleted, purged atomic.Bool

	mu        sync.Mutex
	latest    factory.Point
	hasLatest bool        // latest is set
	buffer    pointBuffer // where Append puts points
	// sealing is the layer that the sealer is writing to chunks. Nobody
	// changes it: readers share its memory.
	sealing   []factory.Point
	hasChunks bool // there is at least one chunk in the file

	// The fields below belong to the backlog that the series is queued in.
	queued      bool
	full        bool
	prev, next  *series
	firstLogRow int64 // the log row of the oldest active point
	queuedAt    int64 // when that came, in Unix milliseconds of our clock

	// lastChunk describes the last chunk, and firstEnd is at most the last time of
	// the first chunk. After start only the sealer uses them.
	lastChunk     lastChunk
	firstChunkEnd int64
	// nextRollup is the next window to roll up, by level.
	nextRollup [len(rollupLevels)]struct {
		known bool
		at    int64
	}
}

// key names a series.
type key struct {
	machine, metric string
}

// less orders keys as compare does.
func (k key) less(other key) bool { return k.compare(other) < 0 }

// compare orders keys by machine, then metric, in byte order.
func (k key) compare(other key) int {
	if byMachine := strings.Compare(k.machine, other.machine); byMachine != 0 {
		return byMachine
	}
	return strings.Compare(k.metric, other.metric)
}

// newSeries is a series without points.
func newSeries(id int64, k key, meta *metricMeta) *series {
	s := &series{id: id, key: k}
	s.meta.Store(meta)
	return s
}

// expiry is the time before which points of the series are expired, given the
// present and the default retention; math.MinInt64 is never.
func (s *series) expiry(now int64, byDefault time.Duration) int64 {
	return store.Expiry(s.meta.Load().retention, byDefault, now)
}

// lastChunk is what the sealer knows of the last chunk of a series.
type lastChunk struct {
	end    int64 // its last time
	points int   // how many it has; 0: there is no chunk
}

// add puts a committed point into the series and returns the number of points
// that are active now.
func (s *series) add(p factory.Point) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasLatest || p.ObservedAt >= s.latest.ObservedAt {
		s.latest, s.hasLatest = p, true
	}
	s.buffer.add(p)
	return len(s.buffer.points)
}

// latestPoint returns the newest point by observation time, and false when the
// series has none.
func (s *series) latestPoint() (factory.Point, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.hasLatest
}

// unsealed returns the first points in memory from from to to, at most limit,
// and whether chunks in the file may have more. What this misses because it
// is sealed already is in the file by now, so a caller reads the file after.
func (s *series) unsealed(from, to int64, limit int) (points []factory.Point, chunked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer.sort()
	older := between(s.sealing, from, to)
	newer := between(s.buffer.points, from, to)
	older = older[:min(len(older), limit)]
	newer = newer[:min(len(newer), limit)]
	if len(older)+len(newer) > 0 {
		points = mergePoints(make([]factory.Point, 0, len(older)+len(newer)), older, newer)
	}
	return points[:min(len(points), limit)], s.hasChunks
}

// lastUnsealed returns the last point in memory from from to to, if any.
func (s *series) lastUnsealed(from, to int64) (last factory.Point, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer.sort()
	for _, layer := range [][]factory.Point{s.sealing, s.buffer.points} {
		part := between(layer, from, to)
		if n := len(part); n > 0 && (!found || part[n-1].ObservedAt >= last.ObservedAt) {
			last, found = part[n-1], true
		}
	}
	return last, found
}

// beginSealing moves the active points to the sealing layer and returns it. A
// layer that is there already, because writing it failed, is returned as it is.
func (s *series) beginSealing() []factory.Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealing == nil {
		s.buffer.sort()
		s.sealing, s.buffer = s.buffer.points, pointBuffer{}
	}
	return s.sealing
}

// endSealing drops the sealing layer; its points are in the file.
func (s *series) endSealing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealing, s.hasChunks = nil, true
}

// setChunks sets what the file knows of the series at start.
func (s *series) setChunks(t lastChunk, firstEnd, lastBits int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastChunk, s.firstChunkEnd, s.hasChunks = t, firstEnd, true
	s.latest = factory.Point{ObservedAt: t.end, Value: math.Float64frombits(uint64(lastBits))}
	s.hasLatest = true
}

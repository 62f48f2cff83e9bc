package sqlite

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
)

// series is one metric of one machine. Its points are in three layers: chunks
// in the file, then sealing, then active; the later layer wins where times
// coincide.
type series struct {
	key
	id    int64
	about atomic.Pointer[metricState]
	// dormant: the machine is deleted, with its history kept. purged: the
	// series is forgotten, and what is left of it is to go.
	dormant, purged atomic.Bool

	mu     sync.Mutex
	latest factory.Point
	known  bool // latest is set
	active head // where Append puts points
	// sealing is the layer that the sealer is writing to chunks. Nobody
	// changes it: readers share its memory.
	sealing []factory.Point
	chunked bool // there is at least one chunk in the file

	// The fields below belong to the backlog that the series is queued in.
	queued     bool
	full       bool
	prev, next *series
	since      int64 // the log row of the oldest active point
	sinceTime  int64 // when that came, in Unix milliseconds of our clock

	// tail describes the last chunk, and firstEnd is at most the last time of
	// the first chunk. After start only the sealer uses them.
	tail     tail
	firstEnd int64
	// rolled is the next window to roll up, by level.
	rolled [len(rollupLevels)]struct {
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
func newSeries(id int64, k key, about *metricState) *series {
	s := &series{id: id, key: k}
	s.about.Store(about)
	return s
}

// expiry is the time before which points of the series are expired, given the
// present and the default retention; math.MinInt64 is never.
func (s *series) expiry(now int64, byDefault time.Duration) int64 {
	retention := s.about.Load().retention
	if retention == 0 {
		retention = byDefault
	}
	if retention <= 0 {
		return math.MinInt64
	}
	return now - retention.Milliseconds()
}

// tail is what the sealer knows of the last chunk of a series.
type tail struct {
	t1     int64 // its last time
	points int   // how many it has; 0: there is no chunk
}

// add puts a committed point into the series and returns the number of points
// that are active now.
func (s *series) add(p factory.Point) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known || p.ObservedAt >= s.latest.ObservedAt {
		s.latest, s.known = p, true
	}
	s.active.add(p)
	return len(s.active.points)
}

// newest returns the newest point by observation time, and false when the
// series has none.
func (s *series) newest() (factory.Point, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.known
}

// unsealed returns the first points in memory from from to to, at most limit,
// and whether chunks in the file may have more. What this misses because it
// is sealed already is in the file by now, so a caller reads the file after.
func (s *series) unsealed(from, to int64, limit int) (points []factory.Point, chunked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active.tidy()
	older := between(s.sealing, from, to)
	newer := between(s.active.points, from, to)
	older = older[:min(len(older), limit)]
	newer = newer[:min(len(newer), limit)]
	if len(older)+len(newer) > 0 {
		points = mergePoints(make([]factory.Point, 0, len(older)+len(newer)), older, newer)
	}
	return points[:min(len(points), limit)], s.chunked
}

// lastUnsealed returns the last point in memory from from to to, if any.
func (s *series) lastUnsealed(from, to int64) (last factory.Point, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active.tidy()
	for _, layer := range [][]factory.Point{s.sealing, s.active.points} {
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
		s.active.tidy()
		s.sealing, s.active = s.active.points, head{}
	}
	return s.sealing
}

// endSealing drops the sealing layer; its points are in the file.
func (s *series) endSealing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealing, s.chunked = nil, true
}

// restore sets what the file knows of the series at start.
func (s *series) restore(t tail, firstEnd, lastBits int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tail, s.firstEnd, s.chunked = t, firstEnd, true
	s.latest = factory.Point{ObservedAt: t.t1, Value: math.Float64frombits(uint64(lastBits))}
	s.known = true
}

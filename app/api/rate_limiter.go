package api

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	rateLimiterShards = 16
	// maxKeysPerShard bounds the memory of a limiter.
	maxKeysPerShard = 4096
)

// rateLimiter limits the request rate of each key by the generic cell rate
// algorithm (GCRA). DESIGN.md says why it is not a token bucket of
// golang.org/x/time/rate. It is safe for concurrent use.
type rateLimiter[K comparable] struct {
	// interval is the time between two requests at the full rate, and tolerance
	// how far a burst may be ahead of that rate.
	interval, tolerance time.Duration
	seed                maphash.Seed
	shards              [rateLimiterShards]rateLimiterShard[K]
}

type rateLimiterShard[K comparable] struct {
	mu sync.Mutex
	// arrivals holds the theoretical arrival time of each key's next request,
	// counted from epoch. A time in the past is the same as no entry.
	arrivals map[K]time.Duration
	_        [40]byte // avoids false sharing of cache lines
}

// newRateLimiter returns a limiter of rate requests a second with bursts of up to
// burst requests. Both must be positive.
func newRateLimiter[K comparable](rate, burst int) *rateLimiter[K] {
	l := &rateLimiter[K]{interval: max(time.Second/time.Duration(rate), 1), seed: maphash.MakeSeed()}
	l.tolerance = l.interval * time.Duration(burst)
	for i := range l.shards {
		l.shards[i].arrivals = map[K]time.Duration{}
	}
	return l
}

// reserve counts a request of key at the time now and returns 0. If the request
// exceeds the rate, it is not counted, and reserve returns how long key has to
// wait.
func (l *rateLimiter[K]) reserve(key K, now time.Duration) (wait time.Duration) {
	s := &l.shards[maphash.Comparable(l.seed, key)%rateLimiterShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	arrival, known := s.arrivals[key]
	arrival = max(arrival, now) + l.interval
	if wait := arrival - now - l.tolerance; wait > 0 {
		return wait
	}
	if !known && len(s.arrivals) >= maxKeysPerShard {
		s.evictLocked(now)
	}
	s.arrivals[key] = arrival
	return 0
}

// evictLocked removes the keys that are within their rate. If the shard is still
// full, it removes arbitrary others.
func (s *rateLimiterShard[K]) evictLocked(now time.Duration) {
	for key, arrival := range s.arrivals {
		if arrival < now {
			delete(s.arrivals, key)
		}
	}
	for key := range s.arrivals {
		if len(s.arrivals) < maxKeysPerShard {
			return
		}
		delete(s.arrivals, key)
	}
}

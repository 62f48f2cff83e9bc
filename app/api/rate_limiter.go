package api

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	rateLimiterShards = 16
	// maxKeysPerShard is how many clients one shard tells apart.
	maxKeysPerShard = 4096
)

// rateLimiter is a token bucket for each key, in a table of bounded size.
type rateLimiter[K comparable] struct {
	// interval is the time that one request takes to be forgiven, burst the time
	// that a client may be ahead.
	interval, tolerance time.Duration
	seed                maphash.Seed
	shards              [rateLimiterShards]rateLimiterShard[K]
}

type rateLimiterShard[K comparable] struct {
	mu sync.Mutex
	// arrivals is until when a client has used up its rate, counted from epoch; a
	// time in the past is the same as no entry.
	arrivals map[K]time.Duration
	_        [40]byte // a cache line of its own
}

func newRateLimiter[K comparable](rate, burst int) *rateLimiter[K] {
	l := &rateLimiter[K]{interval: time.Second / time.Duration(rate), seed: maphash.MakeSeed()}
	l.interval = max(l.interval, 1)
	l.tolerance = l.interval * time.Duration(burst)
	for i := range l.shards {
		l.shards[i].arrivals = map[K]time.Duration{}
	}
	return l
}

// reserve counts a request of key and returns 0, or how long key has to wait for
// its next; then it is not counted.
func (l *rateLimiter[K]) reserve(key K, now time.Duration) time.Duration {
	s := &l.shards[maphash.Comparable(l.seed, key)%rateLimiterShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	ahead, known := s.arrivals[key]
	ahead = max(ahead, now) + l.interval
	if wait := ahead - now - l.tolerance; wait > 0 {
		return wait
	}
	if !known && len(s.arrivals) >= maxKeysPerShard {
		s.evict(now)
	}
	s.arrivals[key] = ahead
	return 0
}

// evict forgets the clients that are within their rate, or else any few.
func (s *rateLimiterShard[K]) evict(now time.Duration) {
	for key, ahead := range s.arrivals {
		if ahead < now {
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

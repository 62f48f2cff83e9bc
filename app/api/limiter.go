package api

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	limiterShards = 16
	// limiterEntries is how many clients one shard tells apart.
	limiterEntries = 4096
)

// limiter is a token bucket for each key, in a table of bounded size.
type limiter[K comparable] struct {
	// cost is the time that one request takes to be forgiven, burst the time
	// that a client may be ahead.
	cost, burst time.Duration
	seed        maphash.Seed
	shards      [limiterShards]limiterShard[K]
}

type limiterShard[K comparable] struct {
	mu sync.Mutex
	// ahead is until when a client has used up its rate, counted from epoch; a
	// time in the past is the same as no entry.
	ahead map[K]time.Duration
	_     [40]byte // a cache line of its own
}

func newLimiter[K comparable](rate, burst int) *limiter[K] {
	l := &limiter[K]{cost: time.Second / time.Duration(rate), seed: maphash.MakeSeed()}
	l.cost = max(l.cost, 1)
	l.burst = l.cost * time.Duration(burst)
	for i := range l.shards {
		l.shards[i].ahead = map[K]time.Duration{}
	}
	return l
}

// take counts a request of key and returns 0, or how long key has to wait for
// its next; then it is not counted.
func (l *limiter[K]) take(key K, now time.Duration) time.Duration {
	s := &l.shards[maphash.Comparable(l.seed, key)%limiterShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	ahead, known := s.ahead[key]
	ahead = max(ahead, now) + l.cost
	if wait := ahead - now - l.burst; wait > 0 {
		return wait
	}
	if !known && len(s.ahead) >= limiterEntries {
		s.makeRoom(now)
	}
	s.ahead[key] = ahead
	return 0
}

// makeRoom forgets the clients that are within their rate, or else any few.
func (s *limiterShard[K]) makeRoom(now time.Duration) {
	for key, ahead := range s.ahead {
		if ahead < now {
			delete(s.ahead, key)
		}
	}
	for key := range s.ahead {
		if len(s.ahead) < limiterEntries {
			return
		}
		delete(s.ahead, key)
	}
}

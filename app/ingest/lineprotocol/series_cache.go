package lineprotocol

import (
	"sync"
)

// seriesCache finds the series of a line by the bytes of its measurement and tags, as
// they were sent. Its memory is bounded: each shard has two generations, and when the
// younger one is full, it replaces the older one, whose series are forgotten unless
// they were used since. It is safe for concurrent use.
type seriesCache struct {
	shards [cacheShards]cacheShard
}

const (
	cacheShards = 16
	// maxSeriesKey is the most bytes of a measurement and tags that are remembered.
	maxSeriesKey = 1024
	// maxGenerationBytes bounds one generation of a shard; all together take 16 MiB.
	maxGenerationBytes = 16 << 20 / (2 * cacheShards)
)

type cacheShard struct {
	mu         sync.RWMutex
	young, old map[string]*series
	youngBytes int
	_          [64]byte // shards do not share a cache line
}

func (c *seriesCache) shard(key []byte) *cacheShard {
	n := len(key)
	return &c.shards[(uint(n)*31+uint(key[n-1])*7+uint(key[n/2]))%cacheShards]
}

// find returns the series with the given key, nil if it is unknown.
func (c *seriesCache) find(key []byte) *series {
	h := c.shard(key)
	h.mu.RLock()
	r := h.young[string(key)]
	old := h.old
	h.mu.RUnlock()
	if r != nil || old == nil {
		return r
	}
	// Nothing changes the old generation.
	if r = old[string(key)]; r != nil {
		c.add(string(key), r, 0)
	}
	return r
}

// add remembers a series, or that a series has grown.
func (c *seriesCache) add(key string, r *series, grown int) {
	h := c.shard([]byte(key))
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.young[key]; !known {
		grown += r.size(key)
	}
	if h.youngBytes += grown; h.youngBytes > maxGenerationBytes || h.young == nil {
		h.young, h.old, h.youngBytes = map[string]*series{}, h.young, r.size(key)
	}
	h.young[key] = r
}

// size returns about how many bytes a series takes under a key.
func (r *series) size(key string) int {
	const entry = 160
	size := entry + len(key) + len(r.machine) + len(r.measurement)
	for _, tag := range r.tags {
		size += 32 + len(tag.Key) + len(tag.Value)
	}
	if known := r.metrics.Load(); known != nil {
		for _, m := range *known {
			size += 64 + len(m.key) + len(m.metric)
		}
	}
	return size
}

package replay

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latencies counts request times in buckets that are at most 1/16 wide, so its
// size does not depend on how many there are. It is safe for concurrent use.
type latencies struct {
	buckets [64 * 16]atomic.Uint64
	max     atomic.Int64
}

func (l *latencies) add(d time.Duration) {
	d = max(d, 0)
	l.buckets[bucket(uint64(d))].Add(1)
	for {
		old := l.max.Load()
		if int64(d) <= old || l.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// bucket numbers the values so that each doubling has 16 buckets.
func bucket(v uint64) int {
	if v < 16 {
		return int(v)
	}
	shift := bits.Len64(v) - 5
	return (shift+1)*16 + int(v>>shift) - 16
}

// upper is the largest value of a bucket.
func upper(bucket int) uint64 {
	if bucket < 16 {
		return uint64(bucket)
	}
	shift := bucket/16 - 1
	return (uint64(bucket%16)+17)<<shift - 1
}

// quantile returns a time that the given share of all requests did not exceed,
// at most 1/16 too long; 0 when there were none.
func (l *latencies) quantile(share float64) time.Duration {
	var total uint64
	for i := range l.buckets {
		total += l.buckets[i].Load()
	}
	if total == 0 {
		return 0
	}
	rank := max(1, uint64(share*float64(total)+0.5))
	longest := time.Duration(l.max.Load())
	for i := range l.buckets {
		if n := l.buckets[i].Load(); n < rank {
			rank -= n
			continue
		}
		return min(time.Duration(upper(i)), longest)
	}
	return longest
}

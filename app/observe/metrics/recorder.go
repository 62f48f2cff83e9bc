package metrics

import (
	"strconv"
	"sync/atomic"
)

// bounds are the upper ends of the buckets in seconds, ascending; a request
// without the disk ends in the first ones.
var bounds = [...]float64{
	.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
}

// boundTexts are the bounds as the le label spells them.
var boundTexts = func() (texts [buckets]string) {
	for i, bound := range bounds {
		texts[i] = strconv.FormatFloat(bound, 'g', -1, 64)
	}
	texts[len(bounds)] = "+Inf"
	return texts
}()

const (
	buckets = len(bounds) + 1
	// classes are the status classes 1xx to 5xx.
	classes = 5
	// longest is the most seconds that one request adds to the sum: ten years,
	// so that the sum in nanoseconds can't be off for good.
	longest = 10 * 365 * 24 * 3600.0
)

// recorder counts without a lock, with two atomic additions a request: by
// benchmark that beats three, the mutex of a common histogram, and picking one of
// several shards. A request is in one count only, so that classes and buckets
// never disagree on the total for long.
type recorder struct {
	counts [classes][buckets]atomic.Uint64
	nanos  atomic.Uint64
}

func (r *recorder) record(class int, seconds float64) {
	if !(seconds > 0) { // not a number included
		seconds = 0
	}
	seconds = min(seconds, longest)
	i := 0
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	r.counts[class][i].Add(1)
	r.nanos.Add(uint64(seconds*1e9 + .5))
}

// read returns the requests by bucket and the sum of their seconds.
func (r *recorder) read() (counts [buckets]uint64, seconds float64) {
	for class := range r.counts {
		for i := range counts {
			counts[i] += r.counts[class][i].Load()
		}
	}
	return counts, float64(r.nanos.Load()) / 1e9
}

// class returns how many requests ended in a status class.
func (r *recorder) class(class int) uint64 {
	total := uint64(0)
	for i := range r.counts[class] {
		total += r.counts[class][i].Load()
	}
	return total
}

package postgres

import (
	"math"
	"sort"
	"time"
)

const (
	// forever is before every reading.
	minTime = math.MinInt64
	dayMs   = int64(24 * time.Hour / time.Millisecond)
	// dailyDays is how far from today partitions are of a day; farther off they
	// are of a month, so that recordings of years don't make a thousand tables.
	dailyRangeDays = 32
	// madeAhead is how many days have their partition before they begin.
	daysAhead = 3
)

// What lies before ancient or from remote on is in one partition each side:
// readings of no real clock must not make tables without end.
var (
	minBoundedTime = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxBoundedTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// partition is a span of time, from start (inclusive) to end (exclusive), in
// Unix milliseconds; the ends of time stand for no bound.
type partition struct{ start, end int64 }

// name is the partition's table. Starts differ, and so do names.
func (p partition) name() string {
	if p.start == math.MinInt64 {
		return "reading_ancient"
	}
	return "reading_" + time.UnixMilli(p.start).UTC().Format("20060102")
}

// layout is the partitions that there are, in order of time.
type layout []partition

// next returns the index of the first partition that ends after at.
func (l layout) search(at int64) int {
	return sort.Search(len(l), func(i int) bool { return l[i].end > at })
}

// covers reports whether a partition takes a reading of the time at.
func (l layout) covers(at int64) bool {
	i := l.search(at)
	return i < len(l) && l[i].start <= at
}

// place returns the partition to make for a reading of the time at, which none
// takes yet: its day where that is near now, else its month, without what
// other partitions have of it.
func (l layout) newPartition(at, now int64) partition {
	p := calendarPartition(at, now)
	i := l.search(at)
	if i < len(l) {
		p.end = min(p.end, l[i].start)
	}
	if i > 0 {
		p.start = max(p.start, l[i-1].end)
	}
	return p
}

// span is the day, the month, or the end of time that at is in.
func calendarPartition(at, now int64) partition {
	switch {
	case at < minBoundedTime:
		return partition{math.MinInt64, minBoundedTime}
	case at >= maxBoundedTime:
		return partition{maxBoundedTime, math.MaxInt64}
	}
	if day := startOfDay(at); day >= startOfDay(now)-dailyRangeDays*dayMs && day <= startOfDay(now)+dailyRangeDays*dayMs {
		return partition{day, day + dayMs}
	}
	year, month, _ := time.UnixMilli(at).UTC().Date()
	return partition{
		time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).UnixMilli(),
		time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(),
	}
}

// startOfDay is the UTC midnight at or before at, which is far from the ends of
// time.
func startOfDay(at int64) int64 {
	into := at % dayMs
	if into < 0 {
		into += dayMs
	}
	return at - into
}

// with returns l and p, which overlaps none of l.
func (l layout) insert(p partition) layout {
	i := l.search(p.start)
	grown := make(layout, 0, len(l)+1)
	return append(append(append(grown, l[:i]...), p), l[i:]...)
}

// windowPartitions is the most partitions that one statement reads: each takes
// two locks, and the server has a bounded number of them.
const maxWindowPartitions = 64

// windows cuts the time from from to to into pieces of at most
// windowPartitions partitions, in order, and calls each with them until it
// returns false. Where the layout is not up to date a piece may have more or
// fewer, but together they are always the whole.
func (l layout) eachWindow(from, to int64, each func(from, to int64) bool) {
	for from < to {
		end := to
		if i := l.search(from) + maxWindowPartitions; i < len(l) {
			end = min(to, l[i].start)
		}
		if !each(from, end) {
			return
		}
		from = end
	}
}

// windowsBack is windows from the end to the beginning.
func (l layout) eachWindowBackward(from, to int64, each func(from, to int64) bool) {
	for from < to {
		start := from
		if i := l.search(to-1) - maxWindowPartitions; i >= 0 {
			start = max(from, l[i].end)
		}
		if !each(start, to) {
			return
		}
		to = start
	}
}

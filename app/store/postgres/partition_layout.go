package postgres

import (
	"iter"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// minTime is at or before every reading.
	minTime = math.MinInt64
	dayMs   = int64(24 * time.Hour / time.Millisecond)
	// dailyRangeDays is the distance from today, in days, up to which a partition
	// covers a day. Beyond it a partition covers a month, so that a recording of
	// several years does not create thousands of tables.
	dailyRangeDays = 32
	// daysAhead is the number of days after today whose partitions are created in
	// advance.
	daysAhead = 3
)

// All readings before minBoundedTime share one partition, and so do all readings
// at or after maxBoundedTime. Readings from wrong clocks must not create an
// unlimited number of tables.
var (
	minBoundedTime = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxBoundedTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// partition is the time range [start, end) in Unix milliseconds. math.MinInt64
// and math.MaxInt64 mean that it has no bound.
type partition struct{ start, end int64 }

// name returns the name of the partition's table, which is unique because the
// starts are.
func (p partition) name() string {
	if p.start == math.MinInt64 {
		return "reading_ancient"
	}
	return "reading_" + time.UnixMilli(p.start).UTC().Format("20060102")
}

// table returns the name of the partition's table, quoted for SQL.
func (p partition) table() string { return pgx.Identifier{p.name()}.Sanitize() }

// layout is the list of existing partitions, in order of time.
type layout []partition

// search returns the index of the first partition that ends after at.
func (l layout) search(at int64) int {
	return sort.Search(len(l), func(i int) bool { return l[i].end > at })
}

// covers reports whether a partition contains the time at.
func (l layout) covers(at int64) bool {
	i := l.search(at)
	return i < len(l) && l[i].start <= at
}

// newPartition returns the partition to create for the time at, which no
// partition contains: its day if that is near now, else its month, cut to what
// other partitions do not cover.
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

// calendarPartition returns the day, the month, or the unbounded range that
// contains at.
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

// startOfDay returns the UTC midnight at or before at.
func startOfDay(at int64) int64 {
	timeOfDay := at % dayMs
	if timeOfDay < 0 {
		timeOfDay += dayMs
	}
	return at - timeOfDay
}

// insert returns a copy of l with p, which must not overlap any partition.
func (l layout) insert(p partition) layout {
	return slices.Insert(slices.Clone(l), l.search(p.start), p)
}

// maxWindowPartitions bounds the partitions that one statement reads. Each takes
// two entries of the server's lock table, which has a fixed size.
const maxWindowPartitions = 64

// windows splits [from, to) into consecutive windows of at most
// maxWindowPartitions partitions, in order. With an outdated layout a window may
// have more partitions, but the windows always cover the whole range.
func (l layout) windows(from, to int64) iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for from < to {
			end := to
			if i := l.search(from) + maxWindowPartitions; i < len(l) {
				end = min(to, l[i].start)
			}
			if !yield(from, end) {
				return
			}
			from = end
		}
	}
}

// windowsBackward is windows in reverse order.
func (l layout) windowsBackward(from, to int64) iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for from < to {
			start := from
			if i := l.search(to-1) - maxWindowPartitions; i >= 0 {
				start = max(from, l[i].end)
			}
			if !yield(start, to) {
				return
			}
			to = start
		}
	}
}

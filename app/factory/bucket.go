package factory

import (
	"math"
	"time"
)

// BucketQuery selects the buckets of one machine's history.
type BucketQuery struct {
	Machine string
	// Metrics restricts to these; empty is all of the machine's.
	Metrics []string
	// From (inclusive) and To (exclusive) bound the observation time of the
	// points that are counted, in Unix milliseconds, as in a HistoryQuery. They
	// need not lie on the bounds of buckets: the first and the last bucket are
	// then of a part of their points.
	From, To int64
	Interval Interval
	// Location is the zone of calendar intervals; nil is UTC.
	Location *time.Location
	// Cursor continues a former page; "" starts.
	Cursor string
	// Limit is the most buckets to return over all series, at least 1.
	Limit int
}

// BucketPage is one page of buckets.
type BucketPage struct {
	// Series holds those that have buckets in this page, ordered by metric.
	Series []BucketSeries
	// NextCursor continues after this page; "" at the end.
	NextCursor string
}

// BucketSeries is a run of buckets of one metric in ascending time.
type BucketSeries struct {
	Metric string
	// Unit is the metric's UCUM unit, "" where none is known.
	Unit string
	Kind MetricKind
	// Buckets are those that have points: a gap in the history is a gap here.
	Buckets []Bucket
}

// Bucket is a span of time with the summary of its points.
type Bucket struct {
	// Start (inclusive) and End (exclusive) are the bounds of the whole bucket
	// in Unix milliseconds.
	Start, End int64
	Summary
}

// Summary is what a run of points comes to. The zero value is that of no
// points. Points are added, and summaries merged, in order of time.
type Summary struct {
	Count    int64
	Min, Max float64
	// Sum is rounded once, however the run was put together, but where it
	// exceeds a double, when it is not finite. While a summary is being built
	// it lacks the carry; see Fold.
	Sum float64
	// First and Last are the points at the ends.
	First, Last Point
	// Increase is by how much a counter has grown over the run: the sum of what
	// each point adds to the one before it. A value below the one before means
	// that the counter was reset and has counted from zero since. In a Bucket
	// the first point is compared with the one before the bucket, however long
	// ago that was, so that the increases of all buckets add up; only the very
	// first point of a series adds nothing. It is zero for a gauge.
	Increase float64

	carry float64
}

// Add takes the next point.
func (s *Summary) Add(p Point) {
	if s.Count == 0 {
		*s = Summary{Count: 1, Min: p.Value, Max: p.Value, Sum: p.Value, First: p, Last: p, Increase: s.Increase}
		return
	}
	s.Count++
	s.Min = min(s.Min, p.Value)
	s.Max = max(s.Max, p.Value)
	s.addSum(p.Value)
	s.Increase += Growth(s.Last.Value, p.Value)
	s.Last = p
}

// AddAll takes the next points; it is Add for each of them.
func (s *Summary) AddAll(points []Point) {
	if len(points) == 0 {
		return
	}
	if s.Count == 0 {
		s.Add(points[0])
		points = points[1:]
	}
	low, high, sum, carry, last, increase := s.Min, s.Max, s.Sum, s.carry, s.Last.Value, s.Increase
	for i := range points {
		v := points[i].Value
		low, high = min(low, v), max(high, v)
		next := sum + v
		part := next - sum
		carry += (sum - (next - part)) + (v - part)
		sum = next
		increase += Growth(last, v)
		last = v
	}
	s.Min, s.Max, s.Sum, s.carry, s.Increase = low, high, sum, carry, increase
	s.Count += int64(len(points))
	if len(points) > 0 {
		s.Last = points[len(points)-1]
	}
}

// Merge takes the points that later stands for; none of them comes before one
// of s.
func (s *Summary) Merge(later Summary) {
	switch {
	case later.Count == 0:
		return
	case s.Count == 0:
		later.Increase += s.Increase
		*s = later
		return
	}
	s.Count += later.Count
	s.Min = min(s.Min, later.Min)
	s.Max = max(s.Max, later.Max)
	s.addSum(later.Sum)
	s.carry += later.carry
	s.Increase += Growth(s.Last.Value, later.First.Value) + later.Increase
	s.Last = later.Last
}

// addSum is the exact sum of two doubles, kept in two (Knuth).
func (s *Summary) addSum(v float64) {
	next := s.Sum + v
	part := next - s.Sum
	s.carry += (s.Sum - (next - part)) + (v - part)
	s.Sum = next
}

// Fold moves the carry into Sum, as is due before the summary is shown.
func (s *Summary) Fold() {
	if !math.IsInf(s.Sum, 0) && ValidateValue(s.carry) == nil {
		s.Sum += s.carry
	}
	s.carry = 0
}

// Carry is what Sum lacks before Fold; it goes along with Sum where a summary
// is stored.
func (s *Summary) Carry() float64 { return s.carry }

// WithCarry is s with the carry that was stored beside its Sum.
func (s Summary) WithCarry(carry float64) Summary {
	s.carry = carry
	return s
}

// Mean is the average of the points; there must be at least one.
func (s *Summary) Mean() float64 { return s.Sum / float64(s.Count) }

// Growth is what a counter has counted between two of its values, the second
// later. Below the first it was reset in between, and the second is all that
// is known.
func Growth(before, after float64) float64 {
	if after < before {
		return after
	}
	return after - before
}

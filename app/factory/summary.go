package factory

import "math"

// Summary aggregates consecutive points of a series. The zero value has no points.
// Points must be added, and summaries merged, in order of time.
type Summary struct {
	Count    int64
	Min, Max float64
	// Sum is the sum rounded once, however the points were grouped. It is infinite
	// if the sum exceeds a float64. Until Fold is called it lacks the carry.
	Sum float64
	// First and Last are the oldest and the newest point.
	First, Last Point
	// Increase is the growth of a counter: the sum of Growth over each pair of
	// successive points. In a Bucket the first point is compared with the last
	// point before the bucket, however old, so that the increases of all buckets
	// add up to the total; only the first point of a series adds nothing. It is
	// zero for a gauge.
	Increase float64

	carry float64
}

// Add adds the next point.
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

// AddAll calls Add for each of the points.
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

// Merge adds the points of later, which must all follow those of s.
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

// addSum adds v without rounding: Sum and carry together are exact (Knuth's TwoSum).
func (s *Summary) addSum(v float64) {
	next := s.Sum + v
	part := next - s.Sum
	s.carry += (s.Sum - (next - part)) + (v - part)
	s.Sum = next
}

// Fold adds the carry to Sum. It must be called before Sum is read.
func (s *Summary) Fold() {
	if !math.IsInf(s.Sum, 0) && ValidateValue(s.carry) == nil {
		s.Sum += s.carry
	}
	s.carry = 0
}

// Carry returns the rounding error of Sum. A stored summary must include it if
// it is to be merged later.
func (s *Summary) Carry() float64 { return s.carry }

// WithCarry returns s with a carry that was stored with its Sum.
func (s Summary) WithCarry(carry float64) Summary {
	s.carry = carry
	return s
}

// Mean returns the average of the points. There must be at least one.
func (s *Summary) Mean() float64 { return s.Sum / float64(s.Count) }

// Growth returns the increase of a counter between two successive values. A lower
// second value means that the counter was reset and has counted from zero.
func Growth(before, after float64) float64 {
	if after < before {
		return after
	}
	return after - before
}

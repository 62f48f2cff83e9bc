package factory

import "math"

// DownsampleQuery asks for a picture of a machine's history.
type DownsampleQuery struct {
	Machine string
	// Metrics restricts to these; empty is all of the machine's.
	Metrics []string
	// From (inclusive) and To (exclusive) are as in a HistoryQuery.
	From, To int64
	// Points is the most points to return of each series, at least 2.
	Points int
}

// LTTB picks n of the points so that a line through them looks like one
// through all (Largest Triangle Three Buckets, Steinarsson 2013). The first
// and the last are always among them; with no more than n points it is all. n
// is at least 2. The points are total in number; each calls its argument with
// all of them in order, piece by piece, as often as it is asked to, and its
// error ends the work. So the memory taken depends on n only.
func LTTB(n, total int, each func(take func([]Point)) error) ([]Point, error) {
	if total <= n {
		all := make([]Point, 0, total)
		err := each(func(points []Point) { all = append(all, points...) })
		return all, err
	}
	p := picker{total: total, buckets: n - 2}
	if err := p.average(each); err != nil {
		return nil, err
	}
	return p.pick(each)
}

// picker divides all points but the first and the last into so many buckets
// of nearly the same number of points.
type picker struct {
	total, buckets int
	first, last    Point
	// means holds the average of each bucket, then that of the last point alone.
	means []mean
}

// mean is the average of some points, times relative to the first of all.
type mean struct{ at, value float64 }

// end is the index of the first point after bucket b.
func (p *picker) end(b int) int {
	return 1 + (b+1)*(p.total-2)/p.buckets
}

// at is the place of a point on the axis of time. A difference of times may
// exceed an int64, but not a double.
func (p *picker) at(point Point) float64 {
	return float64(point.ObservedAt) - float64(p.first.ObservedAt)
}

// average fills first, last and means.
func (p *picker) average(each func(func([]Point)) error) error {
	p.means = make([]mean, p.buckets+1)
	index, bucket, count := 0, 0, 0.0
	err := each(func(points []Point) {
		for _, point := range points {
			switch {
			case index == 0:
				p.first = point
			case index >= p.total-1:
				p.last = point
			case p.buckets > 0:
				for index >= p.end(bucket) {
					bucket, count = bucket+1, 0
				}
				count++
				m := &p.means[bucket]
				m.at += (p.at(point) - m.at) / count
				m.value += point.Value/count - m.value/count
			}
			index++
		}
	})
	p.means[p.buckets] = mean{p.at(p.last), p.last.Value}
	return err
}

// pick takes from each bucket the point that spans the largest triangle with
// the one picked before and the average of the next bucket; the first of
// those that span the same.
func (p *picker) pick(each func(func([]Point)) error) ([]Point, error) {
	picked := make([]Point, 1, p.buckets+2)
	picked[0] = p.first
	index, bucket, largest := 0, 0, -1.0
	var best Point
	err := each(func(points []Point) {
		for _, point := range points {
			if p.buckets > 0 && index > 0 && index < p.total-1 {
				if index >= p.end(bucket) {
					picked = append(picked, best)
					bucket, largest = bucket+1, -1
				}
				if area := p.area(picked[len(picked)-1], point, p.means[bucket+1]); area > largest || largest < 0 {
					best, largest = point, area
				}
			}
			index++
		}
	})
	if p.buckets > 0 {
		picked = append(picked, best)
	}
	return append(picked, p.last), err
}

// area is twice that of the triangle of two points and an average.
func (p *picker) area(a, b Point, c mean) float64 {
	ax, bx := p.at(a), p.at(b)
	return math.Abs((ax-c.at)*(b.Value-a.Value) - (ax-bx)*(c.value-a.Value))
}

package factory

import "math"

// DownsampleQuery selects a visual summary of the history of one machine.
type DownsampleQuery struct {
	Machine string
	// Metrics limits the result to these metrics; empty selects all.
	Metrics []string
	// From (inclusive) and To (exclusive) are as in a HistoryQuery.
	From, To int64
	// Points is the maximum number of points of each series, at least 2.
	Points int
}

// LTTB selects n points that preserve the shape of the line through all points
// (Largest Triangle Three Buckets, Steinarsson 2013). n is at least 2. The first
// and the last point are always selected; if total is at most n, all points are.
//
// total is the number of points. each passes all points in order, in slices of any
// length, to its argument; it is called twice, and its error is returned. Memory
// use depends on n only.
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

// picker divides all points except the first and the last into buckets of nearly
// equal size.
type picker struct {
	total, buckets int
	first, last    Point
	// means holds the average of each bucket, followed by the last point.
	means []mean
}

// mean is an average of points; times are relative to the first point.
type mean struct{ at, value float64 }

// end returns the index of the first point after bucket b.
func (p *picker) end(b int) int {
	return 1 + (b+1)*(p.total-2)/p.buckets
}

// at returns the time of a point relative to the first point. The difference can
// overflow an int64, so it is a float64.
func (p *picker) at(point Point) float64 {
	return float64(point.ObservedAt) - float64(p.first.ObservedAt)
}

// average sets first, last and means.
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

// pick selects from each bucket the point that forms the largest triangle with the
// previously selected point and the average of the next bucket. Of equal triangles
// the first wins.
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

// area returns twice the area of the triangle of two points and an average.
func (p *picker) area(a, b Point, c mean) float64 {
	ax, bx := p.at(a), p.at(b)
	return math.Abs((ax-c.at)*(b.Value-a.Value) - (ax-bx)*(c.value-a.Value))
}

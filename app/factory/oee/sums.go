package oee

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

// Sums are times and pieces of machines. All figures follow from them.
type Sums struct {
	// time is the scheduled time in milliseconds in each of timeline.States.
	time []int64
	// pieces were made in scheduled time, unscheduled ones outside it.
	pieces      map[article]*pieces
	unscheduled pieces
	// failures is the number of uninterrupted stretches of fault.
	failures int64
	// intervals is the number of times that a failure followed another one of the
	// same machine. between is the time from begin to begin, until that from the end
	// of the former, in milliseconds.
	intervals, between, until int64
}

// article is a product with its ideal time per piece in seconds, 0 if unknown.
type article struct {
	product string
	cycle   float64
}

func newSums() *Sums {
	return &Sums{time: make([]int64, len(timeline.States)), pieces: map[article]*pieces{}}
}

// in returns the scheduled time in a state.
func (s *Sums) in(state timeline.State) int64 { return s.time[slices.Index(timeline.States, state)] }

// addFailure adds a failure that follows another one, unless it is the first.
func (s *Sums) addFailure(previous, next factory.Span, first bool) {
	s.failures++
	if !first {
		s.intervals++
		s.between += next.From - previous.From
		s.until += next.From - previous.To
	}
}

// of returns the pieces of a product.
func (s *Sums) of(product string, cycle float64) *pieces {
	key := article{product: product, cycle: cycle}
	if s.pieces[key] == nil {
		s.pieces[key] = &pieces{}
	}
	return s.pieces[key]
}

// articles returns what was made, in a fixed order.
func (s *Sums) articles() []article {
	list := make([]article, 0, len(s.pieces))
	for a := range s.pieces {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b article) int {
		return cmp.Or(strings.Compare(a.product, b.product), cmp.Compare(a.cycle, b.cycle))
	})
	return list
}

// pieces are numbers of pieces. Parts of a counter's increase are not whole.
type pieces struct{ good, scrap, rework total }

// add adds the part of a production that was made in part of its length.
func (n *pieces) add(p *timeline.Production, part, length int64) {
	if part == 0 {
		return
	}
	share := float64(part) / float64(length)
	n.good.add(p.Good * share)
	n.scrap.add(p.Scrap * share)
	n.rework.add(p.Rework * share)
}

// made returns the number of all pieces.
func (n *pieces) made() float64 {
	sum := n.good
	sum.merge(n.scrap)
	sum.merge(n.rework)
	return sum.value()
}

// total is a sum that carries its rounding error along (Neumaier).
type total struct{ sum, lost float64 }

func (t *total) add(x float64) {
	sum := t.sum + x
	if math.Abs(t.sum) >= math.Abs(x) {
		t.lost += (t.sum - sum) + x
	} else {
		t.lost += (x - sum) + t.sum
	}
	t.sum = sum
}

func (t *total) merge(other total) {
	t.add(other.sum)
	t.add(other.lost)
}

func (t *total) value() float64 { return t.sum + t.lost }

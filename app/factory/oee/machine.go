package oee

import (
	"cmp"
	"slices"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/shift"
	"smart-factory-backend/app/factory/timeline"
)

// Machine is what a machine did in a range of time.
type Machine struct {
	ID       string
	Timeline timeline.Timeline
	// Scheduled is the scheduled time, in order and without overlap. Time outside the
	// timeline does not count.
	Scheduled []factory.Span
	// Shifts are the shifts to group by.
	Shifts []shift.Instance
	// Cycle returns the ideal time in seconds of a piece of a product, "" being
	// pieces without a product; 0 is unknown.
	Cycle func(product string) float64
}

// meter adds what a machine did to sums.
type meter struct {
	*Machine
	// state and run have an element for each segment: the index of its state in
	// timeline.States, and the number of the stretch of that state.
	state, run []int
	// longest is the length of the longest production.
	longest int64
}

func newMeter(m *Machine) *meter {
	n := len(m.Timeline.Segments)
	r := &meter{Machine: m, state: make([]int, n), run: make([]int, n)}
	for i, s := range m.Timeline.Segments {
		r.state[i] = slices.Index(timeline.States, s.State)
		if i > 0 {
			r.run[i] = r.run[i-1]
			if r.state[i] != r.state[i-1] {
				r.run[i]++
			}
		}
	}
	for _, p := range m.Timeline.Productions {
		r.longest = max(r.longest, p.To-p.From)
	}
	return r
}

// scheduled calls do with each stretch of scheduled time within a span.
func (r *meter) scheduled(within factory.Span, do func(factory.Span)) {
	first, _ := slices.BinarySearchFunc(r.Scheduled, within.From, func(s factory.Span, at int64) int { return cmp.Compare(s.To, at+1) })
	for _, s := range r.Scheduled[first:] {
		if s.From >= within.To {
			return
		}
		if s = intersect(s, within); s.From < s.To {
			do(s)
		}
	}
}

// segments calls do with each part of a segment within a span and its index.
func (r *meter) segments(within factory.Span, do func(i int, part factory.Span)) {
	list := r.Timeline.Segments
	first, _ := slices.BinarySearchFunc(list, within.From, func(s timeline.Segment, at int64) int { return cmp.Compare(s.To, at+1) })
	for i := first; i < len(list) && list[i].From < within.To; i++ {
		do(i, intersect(factory.Span{From: list[i].From, To: list[i].To}, within))
	}
}

// addTime adds the scheduled time within spans, which are in order.
func (r *meter) addTime(sums *Sums, spans []factory.Span) {
	failure := factory.Span{}
	run := -1
	for _, span := range spans {
		r.scheduled(span, func(span factory.Span) {
			r.segments(span, func(i int, part factory.Span) {
				sums.time[r.state[i]] += part.To - part.From
				switch {
				case timeline.States[r.state[i]] != timeline.Fault:
				case run == r.run[i]:
					failure.To = part.To
				default:
					sums.addFailure(failure, part, run < 0)
					run, failure = r.run[i], part
				}
			})
		})
	}
}

// addPieces adds the pieces made within a span that selected accepts.
func (r *meter) addPieces(sums *Sums, span factory.Span, selected func(product string) bool) {
	list := r.Timeline.Productions
	first, _ := slices.BinarySearchFunc(list, span.From-r.longest, func(p timeline.Production, at int64) int { return cmp.Compare(p.From, at) })
	var product string
	var of *pieces
	for i := first; i < len(list) && list[i].From < span.To; i++ {
		p := &list[i]
		if !selected(p.Product) {
			continue
		}
		if of == nil || product != p.Product {
			product, of = p.Product, sums.of(p.Product, r.Cycle(p.Product))
		}
		r.addProduction(of, &sums.unscheduled, span, p)
	}
}

// addProduction adds the part of a production within a span: what was made in
// scheduled time to inside, the rest to outside.
func (r *meter) addProduction(inside, outside *pieces, span factory.Span, p *timeline.Production) {
	made := factory.Span{From: p.From, To: p.To}
	if p.From == p.To {
		made.To++ // as if made during the millisecond
	}
	part, length := intersect(made, span), made.To-made.From
	if part.From >= part.To {
		return
	}
	var scheduled int64
	r.scheduled(part, func(s factory.Span) { scheduled += s.To - s.From })
	inside.add(p, scheduled, length)
	outside.add(p, part.To-part.From-scheduled, length)
}

func intersect(a, b factory.Span) factory.Span {
	return factory.Span{From: max(a.From, b.From), To: min(a.To, b.To)}
}

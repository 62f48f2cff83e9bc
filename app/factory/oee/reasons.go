package oee

import (
	"cmp"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

// Reasons sums up downtimes by reason. A downtime is planned busy time in which a
// machine did not run. It is not safe for concurrent use.
type Reasons struct{ byReason map[string]*Reason }

// Reason is the downtime of one reason.
type Reason struct {
	// Reason is "" for downtime whose reason nobody has named.
	Reason string `json:"reason"`
	// Seconds is the time, Count the number of stretches of it.
	Seconds float64 `json:"seconds"`
	Count   int     `json:"count"`
	// Share is the share of all downtime, Cumulative that of this reason and those
	// before it.
	Share      float64 `json:"share"`
	Cumulative float64 `json:"cumulative_share"`
	// States splits the seconds by state.
	States map[timeline.State]float64 `json:"states"`
	time   int64
	states map[timeline.State]int64
}

// NewReasons returns an empty sum.
func NewReasons() *Reasons { return &Reasons{byReason: map[string]*Reason{}} }

// Add adds a machine.
func (r *Reasons) Add(m *Machine) {
	meter := newMeter(m)
	segments := m.Timeline.Segments
	previous := -1
	meter.scheduled(m.Timeline.Range, func(span factory.Span) {
		meter.segments(span, func(i int, part factory.Span) {
			s := segments[i]
			if s.State == timeline.Running || s.State == timeline.PlannedStop {
				return
			}
			e := r.byReason[s.Reason]
			if e == nil {
				e = &Reason{Reason: s.Reason, states: map[timeline.State]int64{}}
				r.byReason[s.Reason] = e
			}
			e.time += part.To - part.From
			e.states[s.State] += part.To - part.From
			// One downtime may span states and a break.
			if previous < 0 || previous != i && (previous != i-1 || segments[previous].Reason != s.Reason) {
				e.Count++
			}
			previous = i
		})
	})
}

// Pareto returns the reasons with the most downtime, at most limit, and the seconds of
// all of them.
func (r *Reasons) Pareto(limit int) (list []Reason, downtime float64) {
	var all, cumulative int64
	list = make([]Reason, 0, len(r.byReason))
	for _, e := range r.byReason {
		list = append(list, *e)
		all += e.time
	}
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.time, a.time), strings.Compare(a.Reason, b.Reason))
	})
	list = list[:min(limit, len(list))]
	for i := range list {
		e := &list[i]
		cumulative += e.time
		e.Seconds, e.Share, e.Cumulative = seconds(e.time), float64(e.time)/float64(all), float64(cumulative)/float64(all)
		e.States = map[timeline.State]float64{}
		for state, t := range e.states {
			e.States[state] = seconds(t)
		}
	}
	return list, seconds(all)
}

package timeline

import (
	"cmp"
	"container/heap"
	"slices"

	"smart-factory-backend/app/factory"
)

// flattenReasons returns the reasons that hold within span and the times for which
// they do, in order and without overlap. Where reason events overlap the later one
// holds. events are in order of time and Seq.
func flattenReasons(events []Event, span factory.Span) (reasons []string, spans []factory.Span) {
	var borders []int64
	starts := make([]int, 0, len(events)) // indexes of events by From
	for i, e := range events {
		if from, to := max(e.From, span.From), min(e.To, span.To); from < to {
			borders = append(borders, from, to)
			starts = append(starts, i)
		}
	}
	slices.SortStableFunc(starts, func(a, b int) int { return cmp.Compare(events[a].From, events[b].From) })
	slices.Sort(borders)
	borders = slices.Compact(borders)
	var open latestFirst
	for i := 0; i+1 < len(borders); i++ {
		from, to := borders[i], borders[i+1]
		for len(starts) > 0 && events[starts[0]].From <= from {
			heap.Push(&open, starts[0])
			starts = starts[1:]
		}
		for len(open) > 0 && events[open[0]].To <= from {
			heap.Pop(&open)
		}
		if len(open) > 0 {
			reasons = append(reasons, events[open[0]].Reason)
			spans = append(spans, factory.Span{From: from, To: to})
		}
	}
	return reasons, spans
}

// latestFirst is a heap of indexes with the greatest one first.
type latestFirst []int

func (h latestFirst) Len() int           { return len(h) }
func (h latestFirst) Less(i, j int) bool { return h[i] > h[j] }
func (h latestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *latestFirst) Push(x any)        { *h = append(*h, x.(int)) } //nolint:forcetypeassert // only ints are pushed
func (h *latestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

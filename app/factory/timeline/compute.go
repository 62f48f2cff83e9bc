package timeline

import (
	"cmp"
	"slices"

	"smart-factory-backend/app/factory"
)

// Records are what a timeline is computed from. For a range that begins at From they
// include everything before From that still holds: the last state and product event,
// and of each signal the reading that made its present value; of each counter the last
// reading before From and the first at or after To. More is never wrong.
type Records struct {
	// Birth is the time of the machine's first event or reading, math.MaxInt64 if it
	// has none. Before it the machine does not exist.
	Birth int64
	// Events are posted events that are in force.
	Events []Event
	// State are the readings for the StateSignal, Product those of the product
	// signal.
	State   StateReadings
	Product []Sample
	// Good, Scrap and Total are the increases of the counters.
	Good, Scrap, Total []Increase
	// Silences are the times during which nothing came for too long; see Signs.
	Silences []factory.Span
}

// Timeline is what a machine did in a range of time.
type Timeline struct {
	// Range is the part of the range in which the machine existed and that is not in
	// the future; it is empty if there is none. Segments cover it.
	Range    factory.Span
	Segments []Segment
	// Productions are ordered by From and then by To.
	Productions []Production
	// Products says which product was made when, in order. Times without a product
	// are left out.
	Products []ProductSpan
	// Notes are ordered by time.
	Notes []Note
}

// ProductSpan is a time in which one product was made.
type ProductSpan struct {
	factory.Span
	Product string
}

// Note is a remark that somebody has made.
type Note struct {
	At       int64
	Text, By string
}

// Alarm is an alarm of the machine and the time during which its condition held; To is
// math.MaxInt64 if it still holds.
type Alarm struct {
	factory.Span
	ID, Rule, Severity string
}

// Compute returns the timeline of a machine between span.From and span.To, as far as
// it has happened at now.
func (s *Signals) Compute(r *Records, span factory.Span, now int64) Timeline {
	span = factory.Span{From: max(span.From, r.Birth), To: min(span.To, now)}
	if span.From >= span.To {
		return Timeline{}
	}
	products := s.products(r)
	return Timeline{
		Range:       span,
		Segments:    s.segments(r, span),
		Productions: s.productions(r, products, span),
		Products:    clipProducts(products, span),
		Notes:       notes(r.Events, span),
	}
}

func notes(events []Event, span factory.Span) []Note {
	var list []Note
	for _, e := range ofKind(events, factory.EventNote) {
		if e.ObservedAt >= span.From && e.ObservedAt < span.To {
			list = append(list, Note{At: e.ObservedAt, Text: e.Text, By: e.By})
		}
	}
	return list
}

// ofKind returns the events of a kind, ordered by time and then by Seq.
func ofKind(events []Event, kind factory.EventKind) []Event {
	var list []Event
	for _, e := range events {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.ObservedAt, b.ObservedAt), cmp.Compare(a.Seq, b.Seq))
	})
	return list
}

// segments returns the segments of span, which is not empty.
func (s *Signals) segments(r *Records, span factory.Span) []Segment {
	list := segmentsOf(s.stateChanges(r), span)
	list = overlay(list, r.Silences, func(Segment, int) Segment { return Segment{State: Offline, Source: FromSilence} })
	reasons, spans := flattenReasons(ofKind(r.Events, factory.EventReason), span)
	list = overlay(list, spans, func(below Segment, i int) Segment {
		if below.State != Running {
			below.Reason = reasons[i]
		}
		return below
	})
	return joinEqual(list)
}

// stateChanges returns the changes of the state by events and by signals.
func (s *Signals) stateChanges(r *Records) []change {
	var list []change
	if s.State != nil {
		list = s.State.changes(r.State)
	}
	for _, e := range r.Events {
		if e.Kind == factory.EventState {
			list = append(list, change{at: e.ObservedAt, order: e.Seq, state: e.State, reason: e.Reason, source: FromEvent})
		}
	}
	return inForce(list)
}

// segmentsOf turns changes into the segments of span. Before the first change the
// machine is offline.
func segmentsOf(changes []change, span factory.Span) []Segment {
	first, _ := slices.BinarySearchFunc(changes, span.From+1, func(c change, at int64) int { return cmp.Compare(c.at, at) })
	current := Segment{From: span.From, State: Offline, Source: FromSilence}
	if first > 0 {
		current.State, current.Reason, current.Source = changes[first-1].state, changes[first-1].reason, changes[first-1].source
	}
	var list []Segment
	for _, c := range changes[first:] {
		if c.at >= span.To {
			break
		}
		current.To = c.at
		list = append(list, current)
		current = Segment{From: c.at, State: c.state, Reason: c.reason, Source: c.source}
	}
	current.To = span.To
	return append(list, current)
}

// overlay splits segments at the borders of spans, which are in order and do not
// overlap, and replaces the content of those inside: with is called with the segment
// and the index of the span.
func overlay(segments []Segment, spans []factory.Span, with func(below Segment, i int) Segment) []Segment {
	if len(spans) == 0 {
		return segments
	}
	list := make([]Segment, 0, len(segments)+2*len(spans))
	next := 0
	for _, segment := range segments {
		for segment.From < segment.To {
			for next < len(spans) && spans[next].To <= segment.From {
				next++
			}
			part := segment
			switch {
			case next == len(spans) || spans[next].From >= segment.To:
			case spans[next].From > segment.From:
				part.To = spans[next].From
			default:
				part.To = min(segment.To, spans[next].To)
				from, to := part.From, part.To
				part = with(part, next)
				part.From, part.To = from, to
			}
			list = append(list, part)
			segment.From = part.To
		}
	}
	return list
}

// joinEqual joins neighbours that differ only in time.
func joinEqual(segments []Segment) []Segment {
	list := segments[:0]
	for _, s := range segments {
		if n := len(list); n > 0 && list[n-1].State == s.State && list[n-1].Reason == s.Reason && list[n-1].Source == s.Source {
			list[n-1].To = s.To
			continue
		}
		list = append(list, s)
	}
	return list
}

package shift

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
)

// Plan is all shifts and calendars of an installation. It must not be changed while
// it is used.
type Plan struct {
	Shifts    []Shift
	Calendars []Calendar
}

// Schedule is the part of a Plan that concerns certain machines. It is safe for
// concurrent use.
type Schedule struct{ entries []entry }

// entry is a version of a shift and the days that calendars decide about.
type entry struct {
	id      string
	version *version
	special map[int64][]string
}

// Machine returns the schedule of one machine.
func (p Plan) Machine(id string, at factory.Placement) Schedule {
	machine := factory.ScopeOf(id, at)
	special := specialDays(p.Calendars, machine)
	var s Schedule
	for _, shift := range p.Shifts {
		for i := range shift.versions {
			if v := &shift.versions[i]; v.scope.Covers(machine) {
				s.entries = append(s.entries, entry{id: shift.ID, version: v, special: special})
			}
		}
	}
	return s
}

// Select returns the schedule of all machines that a scope can select. A calendar
// counts if it concerns all of those that a shift and the scope have in common.
func (p Plan) Select(scope factory.Scope) Schedule {
	var s Schedule
	special := map[factory.Scope]map[int64][]string{}
	for _, shift := range p.Shifts {
		for i := range shift.versions {
			v := &shift.versions[i]
			if !v.scope.Overlaps(scope) {
				continue
			}
			common := v.scope.Intersect(scope)
			if special[common] == nil {
				special[common] = specialDays(p.Calendars, common)
			}
			s.entries = append(s.entries, entry{id: shift.ID, version: v, special: special[common]})
		}
	}
	return s
}

// Empty reports whether no shift applies, on whatever days. All time is scheduled
// then.
func (s Schedule) Empty() bool { return len(s.entries) == 0 }

// begins reports whether the shift begins on a day.
func (e entry) begins(day int64) bool {
	if !e.version.valid(day) {
		return false
	}
	if shifts, ok := e.special[day]; ok {
		return slices.Contains(shifts, e.id)
	}
	return e.version.weekdays[weekday(day)]
}

// Limits of the time for which instances are computed, in Unix seconds: the years 1
// to 9999.
const (
	minSecond = -62135596800
	maxSecond = 253402300799
)

// chunkDays is the number of days for which instances are computed at once.
const chunkDays = 28

// Instances yields the instances that have time in common with a span, ordered by
// From and then by Shift. Those at the ends of the span are not cut. Shifts that the
// clock skips are omitted.
func (s Schedule) Instances(span factory.Span) iter.Seq[Instance] {
	return func(yield func(Instance) bool) {
		if s.Empty() || span.From >= span.To {
			return
		}
		clocks := s.clocks()
		// The longest shift is a day that a zone has twice.
		from := max(floorDiv(span.From, 1000), minSecond) - 2*secondsPerDay
		to := min(floorDiv(span.To, 1000)+1, maxSecond)
		for ; from < to; from += chunkDays * secondsPerDay {
			for _, i := range s.chunk(from, min(from+chunkDays*secondsPerDay, to), clocks) {
				if i.To > span.From && i.From < span.To && !yield(i) {
					return
				}
			}
		}
	}
}

// clocks returns a clock for each entry; entries of one zone share it.
func (s Schedule) clocks() []*clock {
	byZone := map[string]*clock{}
	clocks := make([]*clock, len(s.entries))
	for i, e := range s.entries {
		name := e.version.zone.String()
		if byZone[name] == nil {
			byZone[name] = &clock{zone: e.version.zone}
		}
		clocks[i] = byZone[name]
	}
	return clocks
}

// chunk returns the instances that begin from from to to (exclusive), in order.
func (s Schedule) chunk(from, to int64, clocks []*clock) []Instance {
	var list []Instance
	for n, e := range s.entries {
		first := max(floorDiv(from, secondsPerDay)-3, e.version.from)
		last := min(floorDiv(to, secondsPerDay)+3, e.version.until)
		for day := first; day <= last; day++ {
			if !e.begins(day) {
				continue
			}
			if start, end := e.version.span(day, clocks[n]); start >= from && start < to && start < end {
				list = append(list, e.version.instance(e.id, day, clocks[n]))
			}
		}
	}
	slices.SortFunc(list, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.From, b.From), strings.Compare(a.Shift, b.Shift), cmp.Compare(a.To, b.To))
	})
	return list
}

// Day returns the instance of one shift that belongs to a day, given as YYYY-MM-DD.
func (s Schedule) Day(shift, day string) (Instance, bool) {
	number, ok := parseDay(day)
	if !ok {
		return Instance{}, false
	}
	for _, e := range s.entries {
		if e.id != shift || !e.begins(number) {
			continue
		}
		if i := e.version.instance(e.id, number, &clock{zone: e.version.zone}); i.From < i.To {
			return i, true
		}
	}
	return Instance{}, false
}

// Scheduled returns the scheduled time of a span: the union of the instances without
// their breaks, or all of the span if no shift applies. The result is in order,
// without overlap and without empty spans.
func (s Schedule) Scheduled(span factory.Span) []factory.Span {
	if span.From >= span.To {
		return nil
	}
	if s.Empty() {
		return []factory.Span{span}
	}
	var work []factory.Span
	for i := range s.Instances(span) {
		from := i.From
		for _, b := range i.Breaks {
			work = append(work, factory.Span{From: from, To: b.From})
			from = b.To
		}
		work = append(work, factory.Span{From: from, To: i.To})
	}
	slices.SortFunc(work, func(a, b factory.Span) int { return cmp.Compare(a.From, b.From) })
	var union []factory.Span
	for _, w := range work {
		w.From, w.To = max(w.From, span.From), min(w.To, span.To)
		last := len(union) - 1
		switch {
		case w.From >= w.To:
		case last >= 0 && w.From <= union[last].To:
			union[last].To = max(union[last].To, w.To)
		default:
			union = append(union, w)
		}
	}
	return union
}

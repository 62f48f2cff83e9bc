package oee

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
)

// By is what figures are grouped by.
type By string

// Groupings. NotGrouped makes totals only.
const (
	NotGrouped By = ""
	ByShift    By = "shift"
	ByDay      By = "day"
	ByHour     By = "hour"
	ByMachine  By = "machine"
	ByProduct  By = "product"
)

// Groupings lists all but NotGrouped.
var Groupings = []By{ByShift, ByDay, ByHour, ByMachine, ByProduct}

// MaxGroups is the maximum number of groups of a Report.
const MaxGroups = 5000

// Report sums up machines, in total and in groups. It is not safe for concurrent use.
type Report struct {
	span   factory.Span
	by     By
	zone   *time.Location
	total  *Sums
	groups map[groupKey]*Sums
}

// groupKey identifies a group and orders groups.
type groupKey struct {
	factory.Span
	key, day string
}

// Group are the figures of a part of a report.
type Group struct {
	// Key is the id of the shift, the machine or the product, the date of the day or
	// the beginning of the hour. Pieces and times without a product have the key "".
	Key string `json:"key"`
	// Day is the day of a shift.
	Day string `json:"day,omitempty"`
	// From and To are the part of the shift, day or hour within the range, and the
	// range itself for machines and products.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	Figures
}

// NewReport returns an empty report about a span. Days and hours are those of zone.
func NewReport(span factory.Span, by By, zone *time.Location) *Report {
	return &Report{span: span, by: by, zone: zone, total: newSums(), groups: map[groupKey]*Sums{}}
}

// Add adds a machine, whose timeline lies within the span of the report. The parts of
// a timeline may be added one after another, but failures are told apart only within
// one call. It returns a QueryError if there are too many groups.
func (r *Report) Add(m *Machine) error {
	meter := newMeter(m)
	meter.addAll(r.total, m.Timeline.Range)
	switch r.by {
	case ByMachine:
		if group := r.group(groupKey{Span: r.span, key: m.ID}); group != nil {
			meter.addAll(group, m.Timeline.Range)
		}
	case ByProduct:
		r.addProducts(meter)
	case ByShift:
		for _, s := range m.Shifts {
			r.addWindow(meter, groupKey{Span: factory.Span{From: s.From, To: s.To}, key: s.Shift, day: s.Day})
		}
	case ByDay:
		r.addCalendar(meter, factory.Day, time.DateOnly)
	case ByHour:
		r.addCalendar(meter, factory.Hour, time.RFC3339)
	}
	if len(r.groups) >= MaxGroups {
		detail := fmt.Sprintf("makes %d groups or more; ask for a shorter range or fewer machines", MaxGroups)
		return &QueryError{Parameter: "by", Detail: detail, Kind: factory.ErrInvalid}
	}
	return nil
}

// group returns a group, nil if there are too many.
func (r *Report) group(key groupKey) *Sums {
	if r.groups[key] == nil && len(r.groups) < MaxGroups {
		r.groups[key] = newSums()
	}
	return r.groups[key]
}

// addWindow adds the part of a machine within a group's time, if it existed then.
func (r *Report) addWindow(m *meter, key groupKey) {
	key.Span = intersect(key.Span, r.span)
	within := intersect(key.Span, m.Timeline.Range)
	if within.From >= within.To {
		return
	}
	if group := r.group(key); group != nil {
		m.addAll(group, within)
	}
}

// addCalendar adds a machine to local days or hours.
func (r *Report) addCalendar(m *meter, unit factory.Calendar, format string) {
	interval := factory.Interval{Calendar: unit}
	for at := m.Timeline.Range.From; at < m.Timeline.Range.To && len(r.groups) < MaxGroups; {
		from, to := interval.Bounds(at, r.zone)
		r.addWindow(m, groupKey{Span: factory.Span{From: from, To: to}, key: time.UnixMilli(from).In(r.zone).Format(format)})
		at = to
	}
}

// addProducts adds a machine to the products that it made. Time in which it made none
// belongs to the product "".
func (r *Report) addProducts(m *meter) {
	spans := map[string][]factory.Span{}
	at := m.Timeline.Range.From
	add := func(product string, span factory.Span) {
		if span.From < span.To {
			spans[product] = append(spans[product], span)
		}
	}
	for _, p := range m.Timeline.Products {
		add("", factory.Span{From: at, To: p.From})
		add(p.Product, p.Span)
		at = p.To
	}
	add("", factory.Span{From: at, To: m.Timeline.Range.To})
	for _, p := range m.Timeline.Productions {
		if _, known := spans[p.Product]; !known {
			spans[p.Product] = nil // pieces without time
		}
	}
	for product, list := range spans {
		group := r.group(groupKey{Span: r.span, key: product})
		if group == nil {
			return
		}
		m.addTime(group, list)
		m.addPieces(group, m.Timeline.Range, func(p string) bool { return p == product })
	}
}

// addAll adds all time and pieces within a span.
func (r *meter) addAll(sums *Sums, span factory.Span) {
	r.addTime(sums, []factory.Span{span})
	r.addPieces(sums, span, func(string) bool { return true })
}

// Total returns the figures of everything that was added.
func (r *Report) Total() Figures { return r.total.Figures() }

// Groups returns the figures of the groups, ordered by time and key.
func (r *Report) Groups() []Group {
	keys := make([]groupKey, 0, len(r.groups))
	for key := range r.groups {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(a.From, b.From), strings.Compare(a.key, b.key), cmp.Compare(a.To, b.To))
	})
	list := make([]Group, len(keys))
	for i, k := range keys {
		list[i] = Group{Key: k.key, Day: k.day, From: k.From, To: k.To, Figures: r.groups[k].Figures()}
	}
	return list
}

package plant

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/factory/timeline"
)

// Alarms returns the alarms of a machine whose condition held at some time in span, in
// order of their beginning.
func (t *Timelines) Alarms(ctx context.Context, machine string, span factory.Span) ([]timeline.Alarm, error) {
	return activeAlarms(ctx, t.store, machine, span)
}

func activeAlarms(ctx context.Context, store factory.Store, machine string, span factory.Span) ([]timeline.Alarm, error) {
	var list []timeline.Alarm
	open := map[string]int{} // indexes in list by occurrence
	add := func(e factory.Event) {
		var t alarm.Transition
		if json.Unmarshal(e.Data, &t) != nil || !t.Change.Visible() && e.ObservedAt >= span.From {
			return
		}
		o := t.Occurrence()
		i, isOpen := open[o.ID]
		switch {
		case o.Active && !isOpen:
			from := o.RaisedAt
			if t.Change == alarm.Reactivated {
				from = t.At
			}
			open[o.ID] = len(list)
			list = append(list, timeline.Alarm{ID: o.ID, Rule: e.Subject, Severity: string(o.Severity), Span: factory.Span{From: from, To: math.MaxInt64}})
		case !o.Active && isOpen:
			list[i].To = t.At
			if o.ReturnedAt > 0 {
				list[i].To = o.ReturnedAt
			}
			delete(open, o.ID)
		}
	}
	heads, err := store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventAlarm, Machine: machine, Before: max(span.From, 1)})
	if err != nil {
		return nil, err
	}
	for _, e := range heads {
		add(e)
	}
	q := factory.EventQuery{Machine: machine, Kinds: []factory.EventKind{factory.EventAlarm}, From: span.From, To: span.To, Limit: recordPage}
	for {
		page, err := store.Events(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			add(e)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	list = slices.DeleteFunc(list, func(a timeline.Alarm) bool { return a.From >= span.To || a.To <= span.From })
	slices.SortStableFunc(list, func(a, b timeline.Alarm) int { return cmp.Compare(a.From, b.From) })
	return list, nil
}

// loadAlarms loads the times during which an alarm of the machine is active, since a
// time before the span.
func (l *recordLoader) loadAlarms(since int64) error {
	if l.signals.State == nil || !l.signals.State.UsesAlarms {
		return nil
	}
	alarms, err := activeAlarms(l.ctx, l.store, l.machine, factory.Span{From: since, To: l.span.To})
	for _, a := range alarms {
		l.records.State.Alarms = append(l.records.State.Alarms, a.Span)
	}
	return err
}

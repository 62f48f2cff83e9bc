package plant

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// List returns the occurrences that match q, the newest first. Alarms that are normal
// again are read from the journal. The error wraps factory.ErrInvalid for a cursor
// that List did not issue, and for a range with too many alarms.
func (a *Alarms) List(ctx context.Context, q alarm.Query) (items []alarm.Item, next string, err error) {
	after, err := decodeAlarmCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	items = a.present(&q)
	if q.State == alarm.StateAll || q.State == string(alarm.Normal) {
		if items, err = a.addPast(ctx, &q, items); err != nil {
			return nil, "", err
		}
	}
	slices.SortFunc(items, compareItems)
	items = slices.CompactFunc(items, func(a, b alarm.Item) bool { return a.ID == b.ID })
	if after != nil {
		begin, _ := slices.BinarySearchFunc(items, *after, compareItems)
		if begin < len(items) && items[begin].ID == after.ID {
			begin++
		}
		items = items[begin:]
	}
	if len(items) > q.Limit {
		items = items[:q.Limit]
		last := items[q.Limit-1]
		next = strconv.FormatInt(last.RaisedAt, 36) + "." + last.ID
	}
	return items, next, nil
}

// compareItems orders the newest alarms first.
func compareItems(a, b alarm.Item) int {
	return cmp.Or(cmp.Compare(b.RaisedAt, a.RaisedAt), strings.Compare(a.ID, b.ID))
}

func decodeAlarmCursor(cursor string) (*alarm.Item, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // no cursor is no error
	}
	at, id, ok := strings.Cut(cursor, ".")
	raisedAt, err := strconv.ParseInt(at, 36, 64)
	if !ok || err != nil {
		return nil, fmt.Errorf("cursor %q is not one of a list of alarms: %w", cursor, factory.ErrInvalid)
	}
	return &alarm.Item{ID: id, RaisedAt: raisedAt}, nil
}

// present returns the selected occurrences that are in memory.
func (a *Alarms) present(q *alarm.Query) (items []alarm.Item) {
	add := func(i *alarmInstance, rule *alarmRule, s *alarm.State, o *alarm.Occurrence) {
		if item := alarm.NewItem(rule.ID, &rule.Rule, i.machine, s, o); q.Selects(&item) {
			items = append(items, item)
		}
	}
	for _, i := range a.index.instances() {
		s := i.view.Load()
		if s.Current.ID == "" || !a.index.selects(q.Scope, i.machine) {
			continue
		}
		rule := i.rule.Load()
		add(i, rule, s, &s.Current)
		for n := range s.Earlier {
			add(i, rule, s, &s.Earlier[n])
		}
	}
	return items
}

// selects reports whether a machine is in a scope.
func (x *alarmIndex) selects(scope factory.Scope, machine string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return scope.Selects(machine, x.machines[machine])
}

// addPast adds the selected occurrences that are over.
func (a *Alarms) addPast(ctx context.Context, q *alarm.Query, items []alarm.Item) ([]alarm.Item, error) {
	known := map[string]bool{}
	for _, i := range a.index.instances() {
		known[i.view.Load().Current.ID] = true
	}
	records, err := a.records(ctx, q.Scope, factory.Span{From: q.From, To: q.To})
	for _, r := range records {
		if known[r.ID] {
			continue
		}
		var rule *alarm.Rule
		if r := a.index.rule(r.Rule); r != nil {
			rule = &r.Rule
		}
		if item := alarm.NewItem(r.Rule, rule, r.Machine, &alarm.State{}, &r.Occurrence); q.Selects(&item) {
			items = append(items, item)
		}
	}
	return items, err
}

// records returns the occurrences that were raised in a range, and those before it
// that are still open.
func (a *Alarms) records(ctx context.Context, scope factory.Scope, span factory.Span) ([]alarm.Record, error) {
	byID := map[string]alarm.Record{}
	for _, i := range a.index.instances() {
		s, rule := i.view.Load(), i.rule.Load()
		if s.Current.Open() && s.Current.RaisedAt < span.To && a.index.selects(scope, i.machine) {
			byID[s.Current.ID] = alarm.Record{Rule: rule.ID, Machine: i.machine, Occurrence: s.Current}
		}
	}
	q := factory.EventQuery{
		Machine: scope.Machine, Kinds: []factory.EventKind{factory.EventAlarm}, From: span.From, To: math.MaxInt64, Limit: alarmPage,
	}
	for n := 0; ; n++ {
		if n == maxAlarmPages {
			return nil, fmt.Errorf("more than %d events of alarms since the begin of the range, choose a later one: %w", maxAlarmPages*alarmPage, factory.ErrInvalid)
		}
		page, err := a.options.Store.Events(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			var t alarm.Transition
			if !a.index.selects(scope, e.Machine) || json.Unmarshal(e.Data, &t) != nil || !t.Change.Visible() {
				continue
			}
			o := *t.Occurrence()
			o.Seq = e.Seq
			if known, ok := byID[o.ID]; o.ID != "" && o.RaisedAt >= span.From && o.RaisedAt < span.To && (!ok || known.Seq < o.Seq) {
				byID[o.ID] = alarm.Record{Rule: e.Subject, Machine: e.Machine, Occurrence: o}
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	records := make([]alarm.Record, 0, len(byID))
	for _, r := range byID {
		records = append(records, r)
	}
	return records, nil
}

// Alarm returns an occurrence and all of its transitions.
func (a *Alarms) Alarm(ctx context.Context, id string) (alarm.Item, []alarm.Step, error) {
	e, err := a.raised(ctx, id)
	if err != nil {
		return alarm.Item{}, nil, err
	}
	item, steps, err := a.history(ctx, e.Machine, e.Subject, id)
	if i := a.index.instance(e.Machine, e.Subject); err == nil && i != nil {
		s, rule := i.view.Load(), i.rule.Load()
		if o := s.Find(id); o != nil && o.Seq >= item.Seq {
			item = alarm.NewItem(rule.ID, &rule.Rule, i.machine, s, o)
		}
	}
	return item, steps, err
}

// Performance returns the figures of the alarms of a range, which ends now if it
// reaches into the future.
func (a *Alarms) Performance(ctx context.Context, scope factory.Scope, span factory.Span) (alarm.Performance, error) {
	span.To = max(span.From, min(span.To, a.options.Now()))
	records, err := a.records(ctx, scope, span)
	return alarm.Measure(records, span), err
}

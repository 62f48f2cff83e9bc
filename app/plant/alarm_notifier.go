package plant

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// AlarmNotifier reports the alarms of the journal as clients see them, whichever
// process has decided about them.
type AlarmNotifier struct {
	store   factory.Store
	publish func(factory.Notification)
	states  map[alarmKey]*notifiedAlarm
	rules   map[string]*alarm.Rule // nil for those that do not exist
}

type alarmKey struct{ machine, rule string }

// notifiedAlarm is the state of a rule on a machine after the event with the given Seq.
type notifiedAlarm struct {
	alarm.State
	seq int64
}

// NewAlarmNotifier returns an AlarmNotifier that passes the alarms to publish, in order
// of Seq.
func NewAlarmNotifier(store factory.Store, publish func(factory.Notification)) *AlarmNotifier {
	return &AlarmNotifier{store: store, publish: publish, states: map[alarmKey]*notifiedAlarm{}, rules: map[string]*alarm.Rule{}}
}

// EventsBegin implements EventSubscriber. It reports the open alarms.
func (n *AlarmNotifier) EventsBegin(ctx context.Context, _ int64) error {
	latest, err := n.store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventAlarm})
	if err != nil {
		return fmt.Errorf("load the latest alarm events: %w", err)
	}
	for _, e := range latest {
		if _, registered := n.store.Placement(e.Machine); !registered {
			continue
		}
		if err := n.restore(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// restore rebuilds the state of which e is the newest event, and reports its alarms.
func (n *AlarmNotifier) restore(ctx context.Context, e factory.Event) error {
	var t alarm.Transition
	if json.Unmarshal(e.Data, &t) != nil {
		return nil // there is nothing to show
	}
	events := []factory.Event{e}
	if from := t.After.EarlierFrom; from != 0 {
		q := factory.EventQuery{
			Machine: e.Machine, Kinds: []factory.EventKind{factory.EventAlarm}, Subject: e.Subject, From: from, To: math.MaxInt64, Limit: followPage,
		}
		events = nil
		for {
			page, err := n.store.Events(ctx, q)
			if err != nil {
				return err
			}
			events = append(events, page.Events...)
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		slices.SortFunc(events, func(a, b factory.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	}
	known := &notifiedAlarm{}
	for _, each := range events {
		known.apply(each)
	}
	n.states[alarmKey{e.Machine, e.Subject}] = known
	rule, err := n.rule(ctx, e.Subject)
	if err != nil {
		return err
	}
	for _, o := range append(slices.Clone(known.Earlier), known.Current) {
		if o.Open() {
			n.report(e, rule, &known.State, &o, cmp.Or(o.Seq, known.seq))
		}
	}
	return nil
}

// apply brings the state to that after an event and returns its transition. ok is
// false for an event that cannot be read, which changes nothing.
func (a *notifiedAlarm) apply(e factory.Event) (t alarm.Transition, ok bool) {
	if json.Unmarshal(e.Data, &t) != nil {
		return t, false
	}
	a.Apply(t, e.Seq)
	a.seq = e.Seq
	return t, true
}

// EventsStored implements EventSubscriber.
func (n *AlarmNotifier) EventsStored(ctx context.Context, events []factory.Event) error {
	for _, e := range events {
		switch id, ofRule := strings.CutPrefix(e.Subject, string(factory.DocumentAlarmRule)+"/"); {
		case e.Kind == factory.EventAudit && ofRule:
			delete(n.rules, id)
		case e.Kind == factory.EventAlarm:
			if err := n.transition(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// transition reports what an event has changed.
func (n *AlarmNotifier) transition(ctx context.Context, e factory.Event) error {
	known := n.states[alarmKey{e.Machine, e.Subject}]
	if known == nil {
		known = &notifiedAlarm{}
		n.states[alarmKey{e.Machine, e.Subject}] = known
	}
	if e.Seq <= known.seq {
		return nil
	}
	rule, err := n.rule(ctx, e.Subject) // before the state changes: the call is repeated after an error
	if err != nil {
		return err
	}
	if t, ok := known.apply(e); ok && t.Change.Visible() {
		if o := t.Occurrence(); o.ID != "" {
			n.report(e, rule, &known.State, o, e.Seq)
		}
	}
	return nil
}

// rule returns a rule, nil if it does not exist.
func (n *AlarmNotifier) rule(ctx context.Context, id string) (*alarm.Rule, error) {
	if rule, known := n.rules[id]; known {
		return rule, nil
	}
	rule, err := readAlarmRule(ctx, n.store, id)
	if err == nil {
		n.rules[id] = rule
	}
	return rule, err
}

func readAlarmRule(ctx context.Context, store factory.Store, id string) (*alarm.Rule, error) {
	d, err := store.Document(ctx, factory.DocumentAlarmRule, id)
	switch {
	case errors.Is(err, factory.ErrNotFound):
		return nil, nil //nolint:nilnil // the rule does not exist
	case err != nil:
		return nil, fmt.Errorf("load alarm rule %q: %w", id, err)
	}
	rule, err := alarm.ParseRule(id, d.Data)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // what is known of the alarm is shown without it
	}
	return &rule, nil
}

// report publishes an occurrence as it is after the event with the given Seq.
func (n *AlarmNotifier) report(e factory.Event, rule *alarm.Rule, s *alarm.State, o *alarm.Occurrence, seq int64) {
	item := alarm.NewItem(e.Subject, rule, e.Machine, s, o)
	data, _ := json.Marshal(struct { // texts and finite numbers
		alarm.Item
		Seq *int64 `json:"seq,omitempty"` // Publish adds it
	}{Item: item})
	n.publish(factory.Notification{
		Kind: factory.EventAlarm, Key: o.ID, Machine: e.Machine, Seq: seq, Data: data,
		Ended: !o.Open() || item.Hidden != alarm.Visible,
	})
}

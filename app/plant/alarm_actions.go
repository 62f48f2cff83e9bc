package plant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// Act performs an action and returns the alarm after it. ifSeq, if not 0, is the Seq
// that the alarm must have. The error wraps factory.ErrNotFound for an unknown alarm,
// and factory.ErrConflict if the alarm has changed or its state forbids the action.
// The same action once more changes nothing.
func (a *Alarms) Act(ctx context.Context, action alarm.Action, ifSeq int64) (alarm.Item, error) {
	i, err := a.find(ctx, action.Alarm)
	if err != nil {
		return alarm.Item{}, err
	}
	i.work.Lock()
	defer i.work.Unlock()
	for {
		if err := a.reload(ctx, i); err != nil {
			return alarm.Item{}, err
		}
		if _, err := a.judgeOnce(ctx, i); err != nil && !errors.Is(err, factory.ErrConflict) && !errors.Is(err, factory.ErrNotFound) {
			return alarm.Item{}, err
		}
		item, err := a.actOnce(ctx, i, action, ifSeq)
		var forbidden *alarm.StateError
		if errors.Is(err, factory.ErrConflict) && !errors.As(err, &forbidden) && !errors.Is(err, errAlarmChanged) {
			continue // another replica was first
		}
		return item, err
	}
}

// errAlarmChanged means that an alarm does not have the expected Seq.
var errAlarmChanged = fmt.Errorf("the alarm has changed: %w", factory.ErrConflict)

// actOnce performs an action unless another replica appends first.
func (a *Alarms) actOnce(ctx context.Context, i *alarmInstance, action alarm.Action, ifSeq int64) (item alarm.Item, err error) {
	rule := i.rule.Load()
	s := *i.view.Load()
	o := s.Find(action.Alarm)
	if o == nil {
		past, err := a.record(ctx, i.machine, rule.ID, action.Alarm)
		if err != nil {
			return item, err
		}
		switch {
		case action.Kind != alarm.Ack && action.Kind != alarm.ResetIt:
			action.Alarm = s.Current.ID // these concern the rule on the machine
			o = &s.Current
		case action.Kind == alarm.Ack && past.AckedAt != nil:
			return past, nil
		default:
			return item, &alarm.StateError{Action: action.Kind, State: string(past.State)}
		}
	}
	before := o.Seq
	transitions, err := rule.Act(&s, action)
	if err != nil {
		return item, err
	}
	if len(transitions) > 0 && ifSeq != 0 && ifSeq != before {
		return item, fmt.Errorf("%w; its seq is %d", errAlarmChanged, before)
	}
	if err := a.store(ctx, i, rule, transitions, &s); err != nil {
		return item, err
	}
	if len(transitions) > 0 {
		a.wakeFor(i, rule)
		a.mark(i)
		if earlier := transitions[0].Earlier; earlier != nil {
			return alarm.NewItem(rule.ID, &rule.Rule, i.machine, i.view.Load(), earlier), nil
		}
	}
	v := i.view.Load()
	return alarm.NewItem(rule.ID, &rule.Rule, i.machine, v, v.Find(action.Alarm)), nil
}

// find returns the instance of an occurrence.
func (a *Alarms) find(ctx context.Context, id string) (*alarmInstance, error) {
	for _, i := range a.index.instances() {
		if i.view.Load().Find(id) != nil {
			return i, nil
		}
	}
	e, err := a.raised(ctx, id)
	if err != nil {
		return nil, err
	}
	if i := a.index.instance(e.Machine, e.Subject); i != nil {
		return i, nil
	}
	return nil, fmt.Errorf("the rule of alarm %q no longer applies to the machine: %w", id, factory.ErrConflict)
}

// raised returns the event in which an occurrence was raised.
func (a *Alarms) raised(ctx context.Context, id string) (found factory.Event, err error) {
	unknown := fmt.Errorf("alarm %q: %w", id, factory.ErrNotFound)
	at, ok := alarm.RaisedAt(id)
	if !ok {
		return found, unknown
	}
	// The event is not older than the activation, and usually of the same time.
	q := factory.EventQuery{Kinds: []factory.EventKind{factory.EventAlarm}, From: at, To: math.MaxInt64, Limit: alarmPage}
	for range maxAlarmPages {
		page, err := a.options.Store.Events(ctx, q)
		if err != nil {
			return found, err
		}
		for _, e := range page.Events {
			var t alarm.Transition
			if json.Unmarshal(e.Data, &t) == nil && t.Occurrence().ID == id {
				return e, nil
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	return found, unknown
}

// maxAlarmPages bounds the events that a request reads.
const maxAlarmPages = 200

// record returns an occurrence that is over, from the journal.
func (a *Alarms) record(ctx context.Context, machine, rule, id string) (item alarm.Item, err error) {
	item, _, err = a.history(ctx, machine, rule, id)
	return item, err
}

// history returns an occurrence and its transitions from the journal.
func (a *Alarms) history(ctx context.Context, machine, ruleID, id string) (item alarm.Item, steps []alarm.Step, err error) {
	at, _ := alarm.RaisedAt(id)
	q := factory.EventQuery{
		Machine: machine, Kinds: []factory.EventKind{factory.EventAlarm}, Subject: ruleID, From: at, To: math.MaxInt64, Limit: alarmPage,
	}
	var rule *alarm.Rule
	if known := a.index.rule(ruleID); known != nil {
		rule = &known.Rule
	}
	for range maxAlarmPages {
		page, err := a.options.Store.Events(ctx, q)
		if err != nil {
			return item, nil, err
		}
		for _, e := range page.Events {
			var t alarm.Transition
			if json.Unmarshal(e.Data, &t) != nil {
				continue
			}
			o := t.Occurrence()
			if o.ID != id {
				continue
			}
			if t.Change.Visible() {
				o.Seq = e.Seq
				steps = append(steps, alarm.NewStep(&t, e.Seq, e.By))
			}
			item = alarm.NewItem(ruleID, rule, machine, &t.After, o)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	if item.ID == "" {
		return item, nil, fmt.Errorf("alarm %q: %w", id, factory.ErrNotFound)
	}
	return item, steps, nil
}

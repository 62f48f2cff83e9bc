package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// alertmanager keeps an Alertmanager informed of which alarms are active. Every
// request states what is true now, so a lost one is made good by the next.
type alertmanager struct {
	outbox *Outbox
	url    string
	alerts map[alertKey]*alert
	rules  map[string]alarm.Rule // by id, as far as they were needed
}

// alertKey is a rule on a machine, which Alertmanager knows as one alert.
type alertKey struct{ machine, rule string }

// alert is the state of a rule on a machine.
type alert struct {
	state alarm.State
	seq   int64
	// receivedAt is when the journal accepted the event that led to state.
	receivedAt int64
	firing     bool
}

const (
	// reportEnded is how long the end of an alert is reported again.
	reportEnded = 15 * time.Minute
	// maxAlerts is the number of alerts in one request.
	maxAlerts = 500
)

func newAlertmanager(o *Outbox, url string) *alertmanager {
	return &alertmanager{
		outbox: o, url: strings.TrimRight(url, "/") + "/api/v2/alerts",
		alerts: map[alertKey]*alert{}, rules: map[string]alarm.Rule{},
	}
}

// run reports changes at once, and everything every resend interval, until ctx ends.
func (a *alertmanager) run(ctx context.Context) error {
	store := a.outbox.options.Store
	after, err := store.LastSeq(ctx)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	heads, err := store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventAlarm})
	if err != nil {
		return fmt.Errorf("read the alarms: %w", err)
	}
	for _, e := range heads {
		a.apply(e)
	}
	changed := slices.Collect(maps.Keys(a.alerts))
	for {
		next := a.outbox.options.Now().Add(a.outbox.options.resend)
		if err := a.report(ctx, changed); err != nil {
			return err
		}
		changed = nil
		for len(changed) == 0 {
			wait := next.Sub(a.outbox.options.Now())
			if wait <= 0 {
				changed = slices.Collect(maps.Keys(a.alerts))
				break
			}
			var events []factory.Event
			if events, after, err = a.outbox.next(ctx, after, wait); err != nil {
				return err
			}
			for _, e := range events {
				if e.Kind == factory.EventAudit {
					a.forgetRule(e.Subject)
				} else if a.apply(e) {
					changed = append(changed, alertKey{e.Machine, e.Subject})
				}
			}
		}
		slices.SortFunc(changed, func(x, y alertKey) int {
			return cmp.Or(cmp.Compare(x.machine, y.machine), cmp.Compare(x.rule, y.rule))
		})
		changed = slices.Compact(changed)
	}
}

// apply takes note of a transition. It reports whether there is something to tell.
func (a *alertmanager) apply(e factory.Event) bool {
	var t alarm.Transition
	if json.Unmarshal(e.Data, &t) != nil {
		return false // written by another release
	}
	k := alertKey{e.Machine, e.Subject}
	known := a.alerts[k]
	if known == nil {
		known = &alert{}
	} else if known.seq >= e.Seq {
		return false
	}
	was := *known
	known.state, known.seq, known.receivedAt = t.After, e.Seq, e.ReceivedAt
	known.firing = fires(&t.After)
	if t.After.Current.ID == "" {
		return false // it was never raised
	}
	a.alerts[k] = known
	return known.firing != was.firing || known.firing && was.state.Current.ID != known.state.Current.ID || was.seq == 0
}

// fires reports whether an alarm is active or latched, and not hidden.
func fires(s *alarm.State) bool {
	switch s.Current.Phase {
	case alarm.ActiveUnacked, alarm.ActiveAcked, alarm.Latched:
		return s.Hidden() == alarm.Visible
	}
	return false
}

// forgetRule makes a changed rule be read again.
func (a *alertmanager) forgetRule(subject string) {
	if id, ok := strings.CutPrefix(subject, string(factory.DocumentAlarmRule)+"/"); ok {
		delete(a.rules, id)
	}
}

// report sends the state of alerts, again and again until all are accepted or refused.
func (a *alertmanager) report(ctx context.Context, keys []alertKey) error {
	o := a.outbox.options
	for page := range slices.Chunk(keys, maxAlerts) {
		for n := 1; ; n++ {
			messages, err := a.messages(ctx, page)
			if err != nil {
				return err
			}
			if len(messages) == 0 {
				break
			}
			body, err := json.Marshal(messages)
			if err != nil {
				return err
			}
			err = a.outbox.client.post(ctx, a.url, http.Header{"Content-Type": {"application/json"}}, body)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			result := Sent
			if isRefused(err) {
				result = GivenUp // until the next report of everything
			} else if err != nil {
				result = Failed
			}
			o.Observe(Delivery{Receiver: receiverAlertmanager, Result: result, Messages: len(messages), Err: err})
			if result != Failed {
				break
			}
			if err := a.outbox.pause(ctx, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// postableAlert is an alert of Alertmanager's API v2.
type postableAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// messages returns the alerts to report, and forgets those whose end was reported for
// long enough.
func (a *alertmanager) messages(ctx context.Context, keys []alertKey) (messages []postableAlert, err error) {
	now := a.outbox.options.Now()
	for _, k := range keys {
		known := a.alerts[k]
		if known == nil {
			continue
		}
		if !known.firing && now.Sub(time.UnixMilli(known.receivedAt)) > reportEnded {
			delete(a.alerts, k)
			continue
		}
		rule, ok := a.rules[k.rule]
		if !ok {
			if rule, err = a.outbox.rule(ctx, k.rule); err == nil {
				a.rules[k.rule] = rule
			}
		}
		if err != nil {
			return nil, err
		}
		messages = append(messages, a.message(k, known, rule, now))
	}
	return messages, nil
}

func (a *alertmanager) message(k alertKey, known *alert, rule alarm.Rule, now time.Time) postableAlert {
	o := &known.state.Current
	placement, _ := a.outbox.options.Store.Placement(k.machine)
	m := postableAlert{
		Labels: withoutEmpty(map[string]string{
			"alertname": cmp.Or(o.Name, rule.Name, k.rule), "rule": k.rule, "machine": k.machine, "line": linePath(placement),
			"metric": known.state.Metric, "severity": string(o.Severity),
		}),
		Annotations: withoutEmpty(map[string]string{
			"alarm": o.ID, "value": number(o.Value), "limit": number(o.Limit), "note": o.Note,
			"cause": rule.Cause, "consequence": rule.Consequence, "response": rule.Response, "time_to_respond": rule.TimeToRespond,
		}),
		StartsAt: time.UnixMilli(o.RaisedAt).UTC(), EndsAt: now.Add(4 * a.outbox.options.resend).UTC(),
	}
	if !known.firing {
		m.EndsAt = now.UTC() // a hidden alarm has not returned, and a machine's clock may differ
		if o.ReturnedAt != 0 && o.ReturnedAt < now.UnixMilli() {
			m.EndsAt = time.UnixMilli(o.ReturnedAt).UTC()
		}
	}
	// Alertmanager refuses an alert that ends before it starts.
	if !m.EndsAt.After(m.StartsAt) {
		m.StartsAt = m.EndsAt.Add(-time.Millisecond)
	}
	return m
}

func withoutEmpty(m map[string]string) map[string]string {
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	return m
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

package outbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// webhook sends each visible transition to the configured URL, one after another in
// order of Seq, as a CloudEvent 1.0 in the structured JSON format. The position is a
// document of the journal.
type webhook struct {
	outbox  *Outbox
	after   int64 // Seq of the last event that was handled
	version factory.Match
	saved   time.Time
}

// position is the Data of the document that holds the position.
type position struct {
	Seq int64 `json:"seq"`
}

// run sends until ctx ends. At its first start ever it begins with what happens from
// then on.
func (w *webhook) run(ctx context.Context) error {
	if err := w.load(ctx); err != nil {
		return fmt.Errorf("read the position of the webhook: %w", err)
	}
	dirty := false
	for {
		wait := time.Hour
		if dirty {
			wait = w.outbox.options.saveTime
		}
		events, seen, err := w.outbox.next(ctx, w.after, wait)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := w.handle(ctx, e); err != nil {
				return err
			}
			w.after, dirty = e.Seq, true
			if w.outbox.options.Now().Sub(w.saved) >= w.outbox.options.saveTime {
				if err := w.save(ctx, nil); err != nil {
					return err
				}
				dirty = false
			}
		}
		w.after = seen
		if len(events) == 0 && dirty {
			if err := w.save(ctx, nil); err != nil {
				return err
			}
			dirty = false
		}
	}
}

func (w *webhook) load(ctx context.Context) error {
	store := w.outbox.options.Store
	d, err := store.Document(ctx, factory.DocumentDelivery, receiverWebhook)
	switch {
	case errors.Is(err, factory.ErrNotFound):
		if w.after, err = store.LastSeq(ctx); err != nil {
			return err
		}
		w.version = factory.MatchNone
		return w.save(ctx, nil)
	case err != nil:
		return err
	}
	var p position
	if err := json.Unmarshal(d.Data, &p); err != nil {
		return err
	}
	w.after, w.version = p.Seq, factory.Match(d.Version)
	return nil
}

// save stores the position, together with events. It fails if another process has
// stored one, which then leads.
func (w *webhook) save(ctx context.Context, events []factory.Event) error {
	data, err := json.Marshal(position{w.after})
	if err != nil {
		return err
	}
	result, err := w.outbox.options.Store.Write(ctx, factory.JournalBatch{
		Documents: []factory.DocumentChange{{Kind: factory.DocumentDelivery, ID: receiverWebhook, Match: w.version, Data: data}},
		Events:    events,
	})
	if err != nil {
		return fmt.Errorf("store the position of the webhook: %w", err)
	}
	w.version, w.saved = factory.Match(result.Documents[0].Version), w.outbox.options.Now()
	return nil
}

// handle sends an event, again and again until it is accepted or given up.
func (w *webhook) handle(ctx context.Context, e factory.Event) error {
	if e.Kind != factory.EventAlarm {
		return nil
	}
	var t alarm.Transition
	if err := json.Unmarshal(e.Data, &t); err != nil {
		return w.abandon(ctx, e, fmt.Errorf("event %d is not a transition: %w", e.Seq, err))
	}
	if !t.Change.Visible() {
		return nil
	}
	rule, err := w.outbox.rule(ctx, e.Subject)
	if err != nil {
		return err
	}
	message, err := w.message(e, &t, &rule)
	if err != nil {
		return err
	}
	o := w.outbox.options
	for n := 1; ; n++ {
		err := w.send(ctx, e, message)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch age := o.Now().Sub(time.UnixMilli(e.ReceivedAt)); {
		case err == nil:
			o.Observe(Delivery{Receiver: receiverWebhook, Result: Sent, Messages: 1})
			return nil
		case isRefused(err) || age > o.giveUp:
			return w.abandon(ctx, e, err)
		}
		o.Observe(Delivery{Receiver: receiverWebhook, Result: Failed, Messages: 1, Err: err})
		if err := w.outbox.pause(ctx, n); err != nil {
			return err
		}
	}
}

// abandon records that an event is not sent.
func (w *webhook) abandon(ctx context.Context, e factory.Event, cause error) error {
	o := w.outbox.options
	data, err := json.Marshal(struct {
		Receiver string `json:"receiver"`
		Event    int64  `json:"event"`
		Rule     string `json:"rule"`
		Error    string `json:"error"`
	}{receiverWebhook, e.Seq, e.Subject, cause.Error()})
	if err != nil {
		return err
	}
	w.after = e.Seq
	err = w.save(ctx, []factory.Event{{
		Machine: e.Machine, Kind: factory.EventDelivery, Subject: receiverWebhook, ObservedAt: o.Now().UnixMilli(),
		ID: receiverWebhook + "/" + strconv.FormatInt(e.Seq, 10), Data: data,
	}})
	if err != nil {
		return err
	}
	o.Observe(Delivery{Receiver: receiverWebhook, Result: GivenUp, Messages: 1, Err: cause})
	return nil
}

// send makes one attempt. The signature is that of Standard Webhooks: an HMAC-SHA256
// over the id, the time and the body.
func (w *webhook) send(ctx context.Context, e factory.Event, message []byte) error {
	id, at := strconv.FormatInt(e.Seq, 10), strconv.FormatInt(w.outbox.options.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(w.outbox.options.Secret))
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(message)
	header := http.Header{}
	header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", at)
	header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return w.outbox.client.post(ctx, w.outbox.options.Webhook, header, message)
}

// cloudEvent is a CloudEvent 1.0.
type cloudEvent struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Subject         string         `json:"subject"`
	Time            string         `json:"time"`
	DataContentType string         `json:"datacontenttype"`
	Data            cloudEventData `json:"data"`
}

// cloudEventData describes an alarm after a transition.
type cloudEventData struct {
	Seq         int64        `json:"seq"`
	Alarm       string       `json:"alarm"`
	Rule        string       `json:"rule"`
	Name        string       `json:"name,omitempty"`
	Machine     string       `json:"machine"`
	Line        string       `json:"line,omitempty"`
	Metric      string       `json:"metric,omitempty"`
	Severity    string       `json:"severity"`
	Change      alarm.Change `json:"change"`
	At          int64        `json:"at"`
	From        string       `json:"from"`
	To          string       `json:"to"`
	State       alarm.Phase  `json:"state"`
	Hidden      alarm.Hiding `json:"hidden,omitempty"`
	RaisedAt    int64        `json:"raised_at"`
	Value       *float64     `json:"value,omitempty"`
	Limit       *float64     `json:"limit,omitempty"`
	By          string       `json:"by,omitempty"`
	Note        string       `json:"note,omitempty"`
	Cause       string       `json:"cause,omitempty"`
	Consequence string       `json:"consequence,omitempty"`
	Response    string       `json:"response,omitempty"`
}

// message returns the body for a transition.
func (w *webhook) message(e factory.Event, t *alarm.Transition, rule *alarm.Rule) ([]byte, error) {
	o := t.Occurrence()
	placement, _ := w.outbox.options.Store.Placement(e.Machine)
	return json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: strconv.FormatInt(e.Seq, 10), Source: "/api/v1/alarms", Type: "smartfactory.alarm." + string(t.Change),
		Subject: o.ID, Time: time.UnixMilli(t.At).UTC().Format(time.RFC3339Nano), DataContentType: "application/json",
		Data: cloudEventData{
			Seq: e.Seq, Alarm: o.ID, Rule: e.Subject, Name: o.Name, Machine: e.Machine, Line: linePath(placement), Metric: t.After.Metric,
			Severity: string(o.Severity), Change: t.Change, At: t.At, From: t.From, To: t.To, State: o.Phase, Hidden: t.After.Hidden(),
			RaisedAt: o.RaisedAt, Value: t.Value, Limit: o.Limit, By: e.By, Note: t.Note,
			Cause: rule.Cause, Consequence: rule.Consequence, Response: rule.Response,
		},
	})
}

// linePath returns the path of a line, "" if it is unknown.
func linePath(p factory.Placement) string {
	if p.Line == "" {
		return ""
	}
	return p.Site + "/" + p.Area + "/" + p.Line
}

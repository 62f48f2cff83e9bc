package plant

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

// current is the newest event of a machine and subject.
type current struct {
	observedAt, seq int64
	id              string
}

// Current reports the present states of machines and the OEE of running shifts as the
// journal has them.
type Current struct {
	store   factory.Store
	publish func(factory.Notification)
	newest  map[currentKey]current
}

type currentKey struct {
	kind             factory.EventKind
	machine, subject string
}

// keyOf returns what e may be the newest event of. A machine has one state, whether a
// signal has told it or somebody else.
func keyOf(e factory.Event) currentKey {
	if e.Kind == factory.EventState && e.Subject == timeline.SubjectSignal {
		e.Subject = ""
	}
	return currentKey{e.Kind, e.Machine, e.Subject}
}

// NewCurrent returns a Current that passes the values to publish, in order of Seq.
func NewCurrent(store factory.Store, publish func(factory.Notification)) *Current {
	return &Current{store: store, publish: publish, newest: map[currentKey]current{}}
}

// EventsBegin implements EventSubscriber.
func (c *Current) EventsBegin(ctx context.Context, _ int64) error {
	for _, kind := range []factory.EventKind{factory.EventState, factory.EventOEE} {
		events, err := c.store.LatestEvents(ctx, factory.LatestEventQuery{Kind: kind})
		if err != nil {
			return fmt.Errorf("load the latest %s events: %w", kind, err)
		}
		for _, e := range events {
			_, registered := c.store.Placement(e.Machine)
			if known := c.newest[keyOf(e)]; (registered || e.Machine == "") && newer(e, known) {
				c.set(e, e.Seq)
			}
		}
	}
	return nil
}

// EventsStored implements EventSubscriber.
func (c *Current) EventsStored(ctx context.Context, events []factory.Event) error {
	for _, e := range events {
		if e.Kind != factory.EventState && e.Kind != factory.EventOEE {
			continue
		}
		known := c.newest[keyOf(e)]
		switch {
		case e.Seq <= known.seq:
		case e.Replaces != "" && e.Replaces == known.id:
			if err := c.reload(ctx, e); err != nil {
				return err
			}
		case e.ObservedAt >= known.observedAt:
			c.set(e, e.Seq)
		}
	}
	return nil
}

// newer reports whether e counts in place of the newest known event.
func newer(e factory.Event, known current) bool {
	return e.ObservedAt > known.observedAt || e.ObservedAt == known.observedAt && e.Seq > known.seq
}

// reload reads the newest event after one has taken the place of the newest one.
func (c *Current) reload(ctx context.Context, replacement factory.Event) error {
	events, err := c.store.LatestEvents(ctx, factory.LatestEventQuery{Kind: replacement.Kind, Machine: replacement.Machine})
	if err != nil {
		return fmt.Errorf("load the latest %s event: %w", replacement.Kind, err)
	}
	var newest factory.Event
	for _, e := range events {
		if keyOf(e) == keyOf(replacement) && newer(e, current{observedAt: newest.ObservedAt, seq: newest.Seq}) {
			newest = e
		}
	}
	if newest.Seq > 0 {
		c.set(newest, max(newest.Seq, replacement.Seq))
	}
	return nil
}

// set makes e the newest event of its machine and subject, since the event with the
// given Seq.
func (c *Current) set(e factory.Event, seq int64) {
	key := keyOf(e)
	n := factory.Notification{Kind: e.Kind, Key: e.Machine + "\x1f" + key.subject, Machine: e.Machine, Seq: seq, Data: e.Data}
	if e.Kind == factory.EventState {
		var state struct{ State, Reason string }
		if json.Unmarshal(e.Data, &state) != nil {
			return
		}
		n.Data, _ = json.Marshal(stateData{e.Machine, state.State, e.ObservedAt, state.Reason}) // texts and a number
	}
	if parts := strings.Split(e.Subject, "/"); len(parts) == 3 {
		n.Line = factory.Placement{Site: parts[0], Area: parts[1], Line: parts[2]}
	}
	c.newest[key] = current{e.ObservedAt, seq, e.ID}
	c.publish(n)
}

// stateData is the data of a state event for clients.
type stateData struct {
	Machine string `json:"machine"`
	State   string `json:"state"`
	// Since is when the state began, in Unix milliseconds of the machine's clock.
	Since  int64  `json:"since"`
	Reason string `json:"reason"`
}

package api

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

var (
	eventKinds = []factory.EventKind{
		factory.EventState, factory.EventCount, factory.EventReason, factory.EventProduct, factory.EventText,
		factory.EventAlarm, factory.EventOEE, factory.EventNote, factory.EventAudit, factory.EventDelivery,
	}
	eventLimitParameter = limitParameter("events", 1000)
	eventsQuery         = []Parameter{
		{Name: "after", Description: "The seq of the last event that the client has; without it, all events are new.", Example: "1234"},
		{Name: "kind", Description: "Only the events of these kinds.", List: true, Example: "state"},
		{Name: "machine", Description: "Only the events of this machine."},
		eventLimitParameter,
		{Name: "wait", Description: "How long to wait for an event if there is none, at most 60s. Without it, the response is immediate.", Example: "30s"},
	}
)

// maxEventWait is the longest value of the parameter wait.
const maxEventWait = time.Minute

// eventJSON is an event in a response.
type eventJSON struct {
	Seq      int64             `json:"seq"`
	Machine  string            `json:"machine"`
	Kind     factory.EventKind `json:"kind"`
	Subject  string            `json:"subject"`
	TS       int64             `json:"ts"`
	Received int64             `json:"received"`
	ID       string            `json:"id"`
	By       string            `json:"by"`
	// Replaces is the id of the event that this one takes the place of.
	Replaces string          `json:"replaces,omitempty"`
	Data     json.RawMessage `json:"data"`
}

// eventPageJSON is a page of events. LastSeq is the after of the next page.
type eventPageJSON struct {
	Events  []eventJSON `json:"events"`
	LastSeq int64       `json:"last_seq"`
}

// getEvents is GET /api/v1/events.
func (a *API) getEvents(rc *fasthttp.RequestCtx, r request) error {
	q, wait, err := parseEventsQuery(r.query)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(wait)
	for {
		page, err := a.eventPage(q)
		if err != nil {
			return err
		}
		remaining := time.Until(deadline)
		if len(page.Events) > 0 || remaining <= 0 || a.waits.Err() != nil {
			return writeEntry(rc, fasthttp.StatusOK, page)
		}
		q.After = page.LastSeq
		if a.awaitEvent(rc, q.After, remaining) {
			rc.SetConnectionClose() // nobody reads the response
			deadline = time.Now()
		}
	}
}

func parseEventsQuery(params queryParams) (q factory.LogQuery, wait time.Duration, err error) {
	q.Machine = params["machine"]
	if q.Limit, err = params.integer(eventLimitParameter); err != nil {
		return q, 0, err
	}
	if text := params["after"]; text != "" {
		if q.After, err = strconv.ParseInt(text, 10, 64); err != nil || q.After < 0 {
			return q, 0, invalidParam("after", jsonscan.Excerpt(text)+" is not the seq of an event")
		}
	}
	if text := params["kind"]; text != "" {
		for name := range strings.SplitSeq(text, ",") {
			kind := factory.EventKind(name)
			if !slices.Contains(eventKinds, kind) {
				return q, 0, invalidParam("kind", strconv.Quote(jsonscan.Excerpt(name))+" is not a kind of event")
			}
			q.Kinds = append(q.Kinds, kind)
		}
	}
	if text := params["wait"]; text != "" {
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > maxEventWait {
			return q, 0, invalidParam("wait", jsonscan.Excerpt(text)+" is not a length of time up to 60s, such as 30s")
		}
	}
	return q, wait, nil
}

const (
	// eventFetch is the number of events that are read from the store at once.
	eventFetch = 100
	// eventPageBytes is the size from which on a page gets no further events.
	eventPageBytes = 4 << 20
)

// eventPage returns the events after q.After. What is not in the page, and has a Seq
// up to LastSeq, does not match q.
func (a *API) eventPage(q factory.LogQuery) (page eventPageJSON, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	page = eventPageJSON{Events: []eventJSON{}, LastSeq: q.After}
	last, err := a.options.Store.LastSeq(ctx)
	if err != nil {
		return page, err
	}
	limit, bytes := q.Limit, 0
	for len(page.Events) < limit && bytes < eventPageBytes {
		q.Limit = min(eventFetch, limit-len(page.Events))
		events, err := a.options.Store.EventsAfter(ctx, q)
		if err != nil {
			return page, err
		}
		for _, e := range events {
			page.Events = append(page.Events, eventJSON{
				Seq: e.Seq, Machine: e.Machine, Kind: e.Kind, Subject: e.Subject, TS: e.ObservedAt, Received: e.ReceivedAt,
				ID: e.ID, By: e.By, Replaces: e.Replaces, Data: e.Data,
			})
			bytes += len(e.Data)
			q.After, page.LastSeq = e.Seq, e.Seq
		}
		if len(events) < q.Limit {
			page.LastSeq = max(page.LastSeq, last)
			break
		}
	}
	return page, nil
}

// awaitEvent waits until there may be an event after a seq, for d at the most, and
// reports whether the client has disconnected meanwhile.
func (a *API) awaitEvent(rc *fasthttp.RequestCtx, after int64, d time.Duration) (disconnected bool) {
	return a.await(rc, d, func(ctx context.Context) { _ = a.options.Store.WaitEvents(ctx, after) })
}

// await calls until and waits for it, for d at the most and until the process begins to
// shut down; both end the context. It reports whether the client has disconnected
// meanwhile.
func (a *API) await(rc *fasthttp.RequestCtx, d time.Duration, until func(context.Context)) (disconnected bool) {
	ctx, cancel := context.WithTimeout(a.waits, d)
	wait := a.options.Runtime.Await(rc)
	ended := make(chan struct{})
	go func() { // ends with ctx at the latest, and the handler waits for it
		defer close(ended)
		defer wait.Wake()
		until(ctx)
	}()
	disconnected = wait.Wait()
	cancel()
	<-ended
	return disconnected
}

// EndWaits ends the requests that wait for an event, and later ones do not wait. It
// is called when the process begins to shut down.
func (a *API) EndWaits() { a.endWaits() }

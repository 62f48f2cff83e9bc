package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
)

type eventPage struct {
	Events []struct {
		Seq, TS, Received              int64
		Machine, Kind, Subject, ID, By string
		Data                           map[string]any
	}
	LastSeq int64 `json:"last_seq"`
}

func (a response) events(t testing.TB) (page eventPage) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != 200 || page.Events == nil {
		t.Fatalf("response = %+v, want events (%v)", a, err)
	}
	return page
}

func (p *testServer) write(t testing.TB, events ...factory.Event) {
	t.Helper()
	if _, err := p.store.Write(t.Context(), factory.JournalBatch{Events: events}); err != nil {
		t.Fatal(err)
	}
}

func note(machine string, at int64) factory.Event {
	return factory.Event{Machine: machine, Kind: factory.EventNote, ObservedAt: at, By: "ann", Data: []byte(`{"text":"<a>"}`)}
}

func TestEventsAreReadInOrder(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	if page := p.get(t, "/api/v1/events").events(t); len(page.Events) != 0 || page.LastSeq != 0 {
		t.Errorf("an empty journal = %+v", page)
	}
	for i := range int64(250) {
		p.write(t, note(fmt.Sprint("m", i%2), 1_700_000_000_000-i))
	}
	p.write(t, factory.Event{Machine: "m0", Kind: factory.EventState, ObservedAt: 5, Data: []byte(`{"state":"idle"}`)})
	for query, want := range map[string][2]int64{ // number of events, last_seq
		"":                         {251, 251},
		"?after=250":               {1, 251},
		"?after=251":               {0, 251},
		"?after=900":               {0, 900},
		"?limit=150":               {150, 150},
		"?machine=m0":              {126, 251},
		"?machine=m1&limit=10":     {10, 20},
		"?kind=state":              {1, 251},
		"?kind=alarm,oee":          {0, 251},
		"?kind=note,state&after=9": {242, 251},
		"?machine=unknown":         {0, 251},
		"?after=251&wait=0s":       {0, 251},
	} {
		page := p.get(t, "/api/v1/events"+query).events(t)
		if got := [2]int64{int64(len(page.Events)), page.LastSeq}; got != want {
			t.Errorf("GET %s = %d events to %d, want %v", query, got[0], got[1], want)
		}
		for i, e := range page.Events {
			if i > 0 && e.Seq <= page.Events[i-1].Seq || e.Received == 0 || e.ID == "" {
				t.Errorf("GET %s: event %+v after %d", query, e, i)
			}
		}
	}
	if e := p.get(t, "/api/v1/events?limit=1").events(t).Events[0]; e.Machine != "m0" || e.Kind != "note" || e.TS != 1_700_000_000_000 || e.By != "ann" || e.Data["text"] != "<a>" {
		t.Errorf("event = %+v", e)
	}
	for _, query := range []string{"?after=-1", "?after=x", "?kind=states", "?kind=state,", "?limit=0", "?limit=1001", "?wait=61s", "?wait=5", "?wait=-1s", "?since=1"} {
		if a := p.get(t, "/api/v1/events"+query); a.status != 400 {
			t.Errorf("GET %s = %d, want 400", query, a.status)
		}
	}
}

func TestEventsAreWaitedFor(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	p.write(t, note("m", 1))
	answers := make(chan response)
	go func() { answers <- p.get(t, "/api/v1/events?after=1&machine=m&wait=60s") }()
	for range 20 {
		p.write(t, note("other", 1)) // wakes, but does not match
	}
	p.write(t, note("m", 2))
	if page := (<-answers).events(t); len(page.Events) != 1 || page.Events[0].TS != 2 || page.LastSeq != 22 {
		t.Errorf("events = %+v, want the one of m", page)
	}
	if page := p.get(t, "/api/v1/events?after=22&wait=1ms").events(t); len(page.Events) != 0 || page.LastSeq != 22 {
		t.Errorf("events after the wait = %+v, want none", page)
	}
	go func() { answers <- p.get(t, "/api/v1/events?after=22&wait=60s") }()
	p.api.EndWaits()
	if page := (<-answers).events(t); len(page.Events) != 0 {
		t.Errorf("events at shutdown = %+v, want none", page)
	}
}

// A client that disconnects ends its wait.
func TestWaitForEventsEndsWithTheClient(t *testing.T) {
	t.Parallel()
	hungUp := make(chan struct{})
	p := startServer(t, func(_ *api.Options, p *testServer) { p.hungUp = hungUp })
	answers := make(chan response)
	go func() { answers <- p.get(t, "/api/v1/events?wait=60s") }()
	close(hungUp)
	if a := <-answers; !strings.Contains(a.header["Connection"], "close") {
		t.Errorf("response = %+v, want the connection closed", a)
	}
}

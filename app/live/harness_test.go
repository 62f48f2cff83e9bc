package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

const timeout = time.Minute

// base is the timestamp from which tests count.
const base = 1_700_000_000_000

// harness runs a Server on a store in memory.
type harness struct {
	t     *testing.T
	srv   *live.Server
	store *plant.Feed
	stop  func()
}

func newHarness(t *testing.T, change func(*live.Options)) *harness {
	t.Helper()
	memory := memory.New(memory.Options{AutoRegister: true})
	return newHarnessOn(t, plant.NewTextStore(memory), change)
}

func newHarnessOn(t *testing.T, memory factory.Store, change func(*live.Options)) *harness {
	t.Helper()
	o := live.Options{
		Latest: memory, Placement: memory.Placement, Keys: access.NewKeys(access.List{}),
		Interval: 2 * time.Millisecond, ResyncInterval: 2 * time.Millisecond,
		OnPanic: func(v any, stack []byte) { t.Errorf("panic: %v\n%s", v, stack) },
	}
	if change != nil {
		change(&o)
	}
	srv, err := live.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, srv: srv, store: plant.NewFeed(memory, srv)}
	begun := make(chan struct{})
	h.store.Follow(plant.NewCurrent(memory, srv.Publish), onBegin(func() { close(begun) }))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- srv.Run(ctx) }()
	go func() { ended <- h.store.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("Run = %v", err)
			}
		}
	})
	t.Cleanup(h.stop)
	<-begun
	return h
}

// onBegin is called when a Feed begins to follow the journal.
type onBegin func()

func (f onBegin) EventsBegin(context.Context, int64) error            { f(); return nil }
func (f onBegin) EventsStored(context.Context, []factory.Event) error { return nil }

// put appends readings to the store. fields are the machine, the metric, the time in
// milliseconds after base and the value of each.
func (h *harness) put(fields ...any) {
	h.t.Helper()
	var readings []factory.Reading
	for i := 0; i < len(fields); i += 4 {
		readings = append(readings, factory.Reading{
			Machine: fields[i].(string), Metric: fields[i+1].(string),
			ObservedAt: base + int64(fields[i+2].(int)),
		})
		last := &readings[len(readings)-1]
		if text, ok := fields[i+3].(string); ok {
			last.Text = &text
		} else {
			last.Value = fields[i+3].(float64)
		}
	}
	if result, err := h.store.Append(context.Background(), readings); err != nil || len(result.Rejected) > 0 {
		h.t.Fatalf("Append = %+v, %v", result, err)
	}
}

// event appends an event to the journal and returns its Seq. at is the time in
// milliseconds after base.
func (h *harness) event(kind factory.EventKind, machine, subject string, at int64, data string) int64 {
	h.t.Helper()
	e := factory.Event{Kind: kind, Machine: machine, Subject: subject, ObservedAt: base + at, Data: []byte(data)}
	result, err := h.store.Write(context.Background(), factory.JournalBatch{Events: []factory.Event{e}})
	if err != nil {
		h.t.Fatal(err)
	}
	return result.Events[0].Seq
}

// subscriber is a session that records its frames and checks their seq.
type subscriber struct {
	t *testing.T
	*live.Session
	mu     sync.Mutex
	frames []*hub.Frame
	// values are the latest readings by machine and metric, last the seq of each
	// room.
	values map[string]string
	last   map[string]uint64
}

func (s *subscriber) Deliver(f *hub.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, f)
	if last := s.last[f.Room]; f.Event != "snapshot" && f.Seq != last+1 {
		s.t.Errorf("room %s: %s %d follows %d", f.Room, f.Event, f.Seq, last)
	}
	s.last[f.Room] = f.Seq
	var data struct {
		Readings []struct {
			Machine, Metric string
			TS              int64
			Value           float64
			Text            *string
		}
	}
	if err := json.Unmarshal(f.Data, &data); err != nil {
		s.t.Errorf("%s of %s: %v in %s", f.Event, f.Room, err, f.Data)
	}
	for _, r := range data.Readings {
		s.values[r.Machine+" "+r.Metric] = fmt.Sprint(r.TS-base, "=", r.Value)
		if r.Text != nil {
			s.values[r.Machine+" "+r.Metric] = fmt.Sprint(r.TS-base, "=", *r.Text)
		}
	}
}

func (h *harness) newSubscriber(principal ...access.Principal) *subscriber {
	s := &subscriber{t: h.t, values: map[string]string{}, last: map[string]uint64{}}
	s.Session = h.srv.NewSession(s, append(principal, access.Principal{})[0])
	return s
}

func (s *subscriber) subscribe(rooms ...string) {
	s.t.Helper()
	called := false
	if fault := s.Subscribe(context.Background(), func() { called = true }, rooms...); fault != nil || !called {
		s.t.Fatalf("subscribe %q: %+v", rooms, fault)
	}
}

// events returns "room event" for each frame.
func (s *subscriber) events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, f := range s.frames {
		all = append(all, f.Room+" "+f.Event)
	}
	return all
}

func (s *subscriber) value(series string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[series]
}

// lastData returns the data of the last frame of an event.
func (s *subscriber) lastData(room, event string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range slices.Backward(s.frames) {
		if f.Room == room && f.Event == event {
			return string(f.Data)
		}
	}
	return ""
}

func (s *subscriber) count(room, event string) int {
	n := 0
	for _, e := range s.events() {
		if e == room+" "+event {
			n++
		}
	}
	return n
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(timeout)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, timeout)
		}
	}
}

func (s *subscriber) waitForValue(series, value string) {
	s.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(timeout)
	for s.value(series) != value {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("%s is %q, want %q; events %q", series, s.value(series), value, s.events())
		}
	}
}

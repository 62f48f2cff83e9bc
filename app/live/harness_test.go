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
	"smart-factory-backend/app/store/memory"
)

const patience = time.Minute

// base is an observation time; readings count milliseconds from it.
const base = 1_700_000_000_000

// plant is a Realtime over a store in memory.
type plant struct {
	t     *testing.T
	show  *live.Server
	store *live.Store
	end   func()
}

func start(t *testing.T, change func(*live.Options)) *plant {
	t.Helper()
	memory := memory.New(memory.Options{AutoRegister: true})
	return startOn(t, memory, change)
}

func startOn(t *testing.T, memory factory.Store, change func(*live.Options)) *plant {
	t.Helper()
	o := live.Options{
		Latest: memory, Placement: memory.Placement, Keys: access.NewKeys(access.List{}),
		Interval: 2 * time.Millisecond, ResyncInterval: 2 * time.Millisecond,
		OnPanic: func(v any, stack []byte) { t.Errorf("panic: %v\n%s", v, stack) },
	}
	if change != nil {
		change(&o)
	}
	show, err := live.New(o)
	if err != nil {
		t.Fatal(err)
	}
	p := &plant{t: t, show: show, store: live.NewStore(memory, show)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- show.Run(ctx) }()
	p.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(p.end)
	return p
}

// put stores readings "machine", "metric", ms after base, value, in turn.
func (p *plant) put(fields ...any) {
	p.t.Helper()
	var readings []factory.Reading
	for i := 0; i < len(fields); i += 4 {
		readings = append(readings, factory.Reading{
			Machine: fields[i].(string), Metric: fields[i+1].(string),
			ObservedAt: base + int64(fields[i+2].(int)), Value: fields[i+3].(float64),
		})
	}
	if result, err := p.store.Append(context.Background(), readings); err != nil || len(result.Rejected) > 0 {
		p.t.Fatalf("Append = %+v, %v", result, err)
	}
}

// screen is a session that keeps what it is shown.
type screen struct {
	t *testing.T
	*live.Session
	mu     sync.Mutex
	frames []*hub.Frame
	// values are what a client that goes by the events knows, by machine and
	// metric; last is the seq of each room.
	values map[string]string
	last   map[string]uint64
}

func (s *screen) Deliver(f *hub.Frame) {
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
		}
	}
	if err := json.Unmarshal(f.Data, &data); err != nil {
		s.t.Errorf("%s of %s: %v in %s", f.Event, f.Room, err, f.Data)
	}
	for _, r := range data.Readings {
		s.values[r.Machine+" "+r.Metric] = fmt.Sprint(r.TS-base, "=", r.Value)
	}
}

func (p *plant) screen(who ...access.Principal) *screen {
	s := &screen{t: p.t, values: map[string]string{}, last: map[string]uint64{}}
	s.Session = p.show.NewSession(s, append(who, access.Principal{})[0])
	return s
}

func (s *screen) subscribe(rooms ...string) {
	s.t.Helper()
	called := false
	if fault := s.Subscribe(context.Background(), func() { called = true }, rooms...); fault != nil || !called {
		s.t.Fatalf("subscribe %q: %+v", rooms, fault)
	}
}

// events lists "room event" of all frames.
func (s *screen) events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, f := range s.frames {
		all = append(all, f.Room+" "+f.Event)
	}
	return all
}

func (s *screen) value(series string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[series]
}

// data returns that of the last frame of an event.
func (s *screen) data(room, event string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range slices.Backward(s.frames) {
		if f.Room == room && f.Event == event {
			return string(f.Data)
		}
	}
	return ""
}

func (s *screen) count(room, event string) int {
	n := 0
	for _, e := range s.events() {
		if e == room+" "+event {
			n++
		}
	}
	return n
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func (s *screen) shows(series, value string) {
	s.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for s.value(series) != value {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("%s is %q, want %q; events %q", series, s.value(series), value, s.events())
		}
	}
}

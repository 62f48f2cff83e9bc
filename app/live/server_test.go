package live_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/live/hub/hubtest"
	"smart-factory-backend/app/store/memory"
)

func TestSnapshotComesFirstAndTelemetryFollows(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.put("press", "temp", 1, 20.5, "press", "rpm", 1, 100.0, "other", "temp", 1, 1.0)
	s := p.screen()
	s.subscribe("machine:press")
	if got := s.events(); len(got) != 1 || got[0] != "machine:press snapshot" {
		t.Fatalf("events = %q, want a snapshot", got)
	}
	if s.value("press temp") != "1=20.5" || s.value("press rpm") != "1=100" || s.value("other temp") != "" {
		t.Errorf("snapshot = %s", s.data("machine:press", "snapshot"))
	}
	p.put("press", "temp", 2, 21.0, "other", "temp", 2, 2.0)
	s.shows("press temp", "2=21")
	if data := s.data("machine:press", "telemetry"); data != `{"readings":[{"machine":"press","metric":"temp","ts":1700000000002,"value":21}]}` {
		t.Errorf("telemetry = %s", data)
	}
}

func TestOnlyTheNewestOfASeriesIsShown(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.put("m", "a", 100, 1.0)
	s := p.screen()
	s.subscribe("all")
	p.put("m", "a", 50, 9.0) // late
	p.put("m", "a", 100, 1.0)
	p.put("m", "b", 1, 5.0) // comes after them
	s.shows("m b", "1=5")
	p.put("m", "a", 100, 2.0) // a correction
	s.shows("m a", "100=2")
	for _, f := range s.frames {
		if strings.Contains(string(f.Data), `"value":9`) {
			t.Errorf("late data moves the screen: %s", f.Data)
		}
	}
}

func TestRoomsOfAMachine(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	place := factory.Placement{Site: "s", Area: "a", Line: "l"}
	for _, id := range []string{"m1", "m2"} {
		if _, _, err := p.store.PutMachine(context.Background(), factory.Machine{ID: id, Placement: place}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	p.put("m1", "v", 1, 1.0, "m2", "v", 1, 1.0, "m3", "v", 1, 1.0)
	line, all, one, alarms := p.screen(), p.screen(), p.screen(), p.screen()
	line.subscribe("line:s/a/l")
	all.subscribe("all")
	one.subscribe("machine:m2")
	alarms.subscribe("alarms")
	for _, id := range []string{"m1", "m2", "m3"} {
		p.put(id, "v", 2, 2.0)
		all.shows(id+" v", "2=2")
	}
	line.shows("m1 v", "2=2")
	line.shows("m2 v", "2=2")
	one.shows("m2 v", "2=2")
	if line.value("m3 v") != "" || one.value("m1 v") != "" || alarms.count("alarms", "telemetry") > 0 {
		t.Error("a room shows what it should not")
	}

	// A machine that moves is seen at its new line, and no more at the old one.
	there := p.screen()
	there.subscribe("line:s/a/other")
	moved := factory.Machine{ID: "m1", Placement: factory.Placement{Site: "s", Area: "a", Line: "other"}}
	if _, _, err := p.store.PutMachine(context.Background(), moved, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	there.shows("m1 v", "2=2")
	eventually(t, "a fresh snapshot", func() bool { return line.count("line:s/a/l", "snapshot") > 1 })
	p.put("m1", "v", 3, 3.0)
	there.shows("m1 v", "3=3")
	p.put("m2", "v", 3, 3.0)
	line.shows("m2 v", "3=3")
	if line.value("m1 v") != "2=2" {
		t.Errorf("the old line shows %s", line.value("m1 v"))
	}
}

func TestDeletedMachineLeavesTheRooms(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.put("m1", "v", 1, 1.0, "m2", "v", 1, 1.0)
	s := p.screen()
	s.subscribe("all")
	if err := p.store.DeleteMachine(context.Background(), "m1", factory.MatchAlways, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a fresh snapshot", func() bool { return s.count("all", "snapshot") > 1 })
	if data := s.data("all", "snapshot"); strings.Contains(data, "m1") || !strings.Contains(data, "m2") {
		t.Errorf("snapshot = %s", data)
	}
}

func TestTelemetryIsCoalesced(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *live.Options) { o.Interval = 50 * time.Millisecond })
	s := p.screen()
	s.subscribe("machine:m")
	begin := time.Now()
	for i := range 500 {
		p.put("m", "v", i+1, float64(i))
	}
	s.shows("m v", "500=499")
	most := int(time.Since(begin)/(50*time.Millisecond)) + 2
	if n := s.count("machine:m", "telemetry"); n > most {
		t.Errorf("%d frames in %v, want at most %d", n, time.Since(begin), most)
	}
}

func TestSubscribingIsChecked(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("a:read:0123456789abcdef,b:ingest:1123456789abcdef", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, func(o *live.Options) { o.Keys, o.MaxRooms = access.NewKeys(list), 3 })
	reader := access.Principal{Name: "a", Role: access.RoleRead}
	for name, tt := range map[string]struct {
		who        access.Principal
		rooms      []string
		kind, room string
	}{
		"no rooms":            {reader, nil, "invalid", ""},
		"an unknown kind":     {reader, []string{"all", "plant:x"}, "invalid", "plant:x"},
		"no machine":          {reader, []string{"machine:"}, "invalid", "machine:"},
		"half a line":         {reader, []string{"line:a/b"}, "invalid", "line:a/b"},
		"too many":            {reader, []string{"all", "alarms", "machine:a", "machine:b"}, "invalid", ""},
		"one may only ingest": {access.Principal{Name: "b", Role: access.RoleIngest}, []string{"all"}, "forbidden", ""},
		"one has no key":      {access.Principal{}, []string{"all"}, "forbidden", ""},
	} {
		s := p.screen(tt.who)
		fault := s.Subscribe(context.Background(), func() { t.Errorf("%s: ok is called", name) }, tt.rooms...)
		if fault == nil || fault.Kind != tt.kind || fault.Room != tt.room || len(s.events()) > 0 {
			t.Errorf("%s: %+v, events %q, want %s about %q and nothing else", name, fault, s.events(), tt.kind, tt.room)
		}
	}
	if topics, _ := p.show.CacheSize(); topics != 0 {
		t.Errorf("%d rooms are watched for nobody", topics)
	}
	s := p.screen(reader)
	s.subscribe("all", "all", "alarms", "machine:a")
	s.subscribe("all") // is in it already: a fresh snapshot
	if fault := s.Unsubscribe("all", "bogus"); fault == nil || fault.Room != "bogus" {
		t.Errorf("unsubscribe from a room that can't be: %+v", fault)
	}
	if n := s.count("all", "snapshot"); n != 2 {
		t.Errorf("%d snapshots of all, want 2", n)
	}
}

func TestNothingIsKeptForNobody(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.put("m", "v", 1, 1.0)
	a, b := p.screen(), p.screen()
	a.subscribe("all", "machine:m", "line:s/a/l", "alarms")
	b.subscribe("machine:m")
	if fault := a.Unsubscribe("all", "machine:m"); fault != nil {
		t.Fatal(fault)
	}
	p.put("m", "v", 2, 2.0)
	b.shows("m v", "2=2")
	if a.value("m v") != "1=1" {
		t.Error("a frame after unsubscribe")
	}
	a.End()
	b.End()
	eventually(t, "the end", func() bool {
		topics, machines := p.show.CacheSize()
		return topics == 0 && machines == 0 && p.show.Stats().Rooms == 0 && p.show.Stats().Subscriptions == 0
	})
	if fault := a.Subscribe(context.Background(), func() {}, "all"); fault != nil {
		t.Fatal(fault)
	}
	if topics, _ := p.show.CacheSize(); topics != 0 {
		t.Error("a session that has gone watches a room")
	}
}

func TestCommittedCostsNothingWhileNobodyLooks(t *testing.T) {
	show, err := live.New(live.Options{Latest: memory.New(memory.Options{}), Keys: access.NewKeys(access.List{})})
	if err != nil {
		t.Fatal(err)
	}
	readings := make([]factory.Reading, 1000)
	for i := range readings {
		readings[i] = factory.Reading{Machine: fmt.Sprint("m", i%10), Metric: fmt.Sprint("v", i/10), ObservedAt: base, Value: 1}
	}
	if n := testing.AllocsPerRun(100, func() { show.PublishReadings(readings, nil) }); n != 0 {
		t.Errorf("%v allocations for nobody", n)
	}
	s := &screen{t: t, values: map[string]string{}, last: map[string]uint64{}}
	s.Session = show.NewSession(s, access.Principal{})
	s.subscribe("machine:m3")
	show.PublishReadings(readings, nil)
	if n := testing.AllocsPerRun(100, func() {
		for i := range readings {
			readings[i].ObservedAt++
		}
		show.PublishReadings(readings, nil)
	}); n != 0 {
		t.Errorf("%v allocations for series that are known", n)
	}
}

// failing is a store whose Latest fails until it is told otherwise.
type failing struct {
	factory.Store
	mu   sync.Mutex
	fail bool
}

func (f *failing) Latest(ctx context.Context, q factory.LatestQuery) (factory.LatestPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail {
		return factory.LatestPage{}, fmt.Errorf("%w: the disk is gone", factory.ErrUnavailable)
	}
	return f.Store.Latest(ctx, q)
}

func TestNoSnapshotWithoutAStore(t *testing.T) {
	t.Parallel()
	f := &failing{Store: memory.New(memory.Options{AutoRegister: true}), fail: true}
	p := startOn(t, f, nil)
	s := p.screen()
	fault := s.Subscribe(context.Background(), func() { t.Error("ok is called") }, "alarms", "all")
	if fault == nil || fault.Kind != "unavailable" || fault.Room != "all" || strings.Contains(fault.Detail, "disk") {
		t.Errorf("fault = %+v", fault)
	}
	if topics, _ := p.show.CacheSize(); topics != 0 || len(s.events()) != 0 {
		t.Errorf("%d rooms are watched, events %q", topics, s.events())
	}
	f.mu.Lock()
	f.fail = false
	f.mu.Unlock()
	s.subscribe("alarms", "all")
}

// hung is a store that does not answer, or panics.
type hung struct {
	factory.Store
	panics bool
}

func (h hung) Latest(ctx context.Context, _ factory.LatestQuery) (factory.LatestPage, error) {
	if h.panics {
		panic("a fault in the store")
	}
	<-ctx.Done()
	return factory.LatestPage{}, ctx.Err()
}

// Who waits for a store that hangs waits once, however many wait.
func TestStoreThatHangs(t *testing.T) {
	t.Parallel()
	memory := memory.New(memory.Options{AutoRegister: true})
	p := startOn(t, hung{Store: memory}, func(o *live.Options) { o.SnapshotTimeout = 300 * time.Millisecond })
	begin := time.Now()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if fault := p.screen().Subscribe(context.Background(), func() {}, "all"); fault == nil || fault.Kind != "unavailable" {
				t.Errorf("fault = %+v", fault)
			}
		})
	}
	wg.Wait()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("100 who wait took %v", took)
	}
	if topics, _ := p.show.CacheSize(); topics != 0 {
		t.Errorf("%d rooms are watched for nobody", topics)
	}
}

func TestStoreThatPanics(t *testing.T) {
	t.Parallel()
	p := startOn(t, hung{Store: memory.New(memory.Options{}), panics: true}, nil)
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic does not reach the session's guard")
				}
			}()
			p.screen().Subscribe(context.Background(), func() {}, "alarms", "all")
		}()
	}
	if topics, _ := p.show.CacheSize(); topics != 0 {
		t.Errorf("%d rooms are watched for nobody", topics)
	}
	p.screen().subscribe("alarms")
}

func TestStatesAlarmsAndOEE(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	place := factory.Placement{Site: "s", Area: "a", Line: "l"}
	if _, _, err := p.store.PutMachine(context.Background(), factory.Machine{ID: "m", Placement: place}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	publish := func() {
		p.show.PublishState(live.State{Machine: "m", State: "running", Since: base})
		p.show.PublishState(live.State{Machine: "other", State: "idle", Since: base})
		p.show.PublishAlarm(live.Alarm{ID: "1", Machine: "m", State: "active_unacknowledged", Open: true, Since: base})
		p.show.PublishAlarm(live.Alarm{ID: "2", Machine: "m", State: "cleared", Since: base})
		p.show.PublishOEE(live.OEE{Line: "s/a/l", OEE: .5})
	}
	publish()
	s := p.screen()
	s.subscribe("machine:m", "line:s/a/l", "alarms", "all")
	publish()
	for room, want := range map[string][4]int{ // states, alarms, oee; states in the snapshot
		"machine:m": {1, 2, 0, 1}, "line:s/a/l": {1, 2, 1, 1}, "alarms": {0, 2, 0, 0}, "all": {2, 2, 1, 2},
	} {
		got := [4]int{s.count(room, "state"), s.count(room, "alarm"), s.count(room, "oee"), strings.Count(s.data(room, "snapshot"), `"since":1700000000000`) - 1}
		if got != want {
			t.Errorf("%s: %v, want %v; %s", room, got, want, s.data(room, "snapshot"))
		}
	}
	if data := s.data("alarms", "snapshot"); !strings.Contains(data, `"id":"1"`) || strings.Contains(data, `"id":"2"`) {
		t.Errorf("snapshot of alarms = %s, want the open one", data)
	}
}

// Whatever comes when: each screen ends up with what the store has, and no
// frame is missing or doubled on the way.
func TestScreensAgreeWithTheStore(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	var writers, viewers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 300 {
				p.put(fmt.Sprint("m", rand.N(5)), fmt.Sprint("v", rand.N(4)), w+4*rand.N(1000), float64(i))
			}
		})
	}
	rooms := []string{"all", "machine:m0", "machine:m1", "machine:m2"}
	screens := make([]*screen, 8)
	for i := range screens {
		viewers.Go(func() {
			for range 20 {
				s := p.screen()
				s.subscribe(rooms[rand.N(len(rooms))])
				s.End()
			}
			screens[i] = p.screen()
			screens[i].subscribe("all", rooms[rand.N(len(rooms))])
		})
	}
	writers.Wait()
	viewers.Wait()
	page, err := p.store.Latest(context.Background(), factory.LatestQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range screens {
		for _, r := range page.Readings {
			s.shows(r.Machine+" "+r.Metric, fmt.Sprint(r.ObservedAt-base, "=", r.Value))
		}
	}
}

func TestRepaired(t *testing.T) {
	t.Parallel()
	bus := new(hubtest.Bus)
	memory := memory.New(memory.Options{AutoRegister: true})
	a := startOn(t, memory, func(o *live.Options) { o.Broker = bus.NewBroker() })
	b := startOn(t, memory, func(o *live.Options) { o.Broker = bus.NewBroker() })
	a.put("m", "v", 1, 1.0)
	s, own := b.screen(), a.screen()
	s.subscribe("machine:m", "alarms")
	own.subscribe("all")
	eventually(t, "telemetry of the other process", func() bool {
		n := len(s.events())
		a.put("m", "v", n+10, float64(n))
		return s.count("machine:m", "telemetry") > 3
	})
	a.show.PublishAlarm(live.Alarm{ID: "1", Machine: "m", Open: true, State: "active"})
	eventually(t, "the alarm of the other process", func() bool { return s.count("alarms", "alarm") > 0 && s.count("machine:m", "alarm") > 0 })

	// With Redis away each has its own readings; once it is back, all.
	bus.Disconnect(t)
	a.put("m", "v", 5000, 5.0)
	own.shows("m v", "5000=5")
	snapshots := s.count("machine:m", "snapshot")
	bus.Reconnect(t)
	s.shows("m v", "5000=5")
	eventually(t, "a fresh snapshot", func() bool { return s.count("machine:m", "snapshot") > snapshots })
	a.put("m", "v", 5001, 6.0)
	s.shows("m v", "5001=6")
	// One for the subscription, and at each of the two beginnings one because
	// Redis is there and one because the other process greets.
	if own.count("all", "snapshot") > 5 {
		t.Errorf("events %q", own.events())
	}
}

func TestLife(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *live.Options) { o.Interval = time.Hour })
	s := p.screen()
	s.subscribe("all")
	p.put("m", "v", 1, 1.0)
	s.shows("m v", "1=1")
	p.put("m", "v", 2, 2.0)
	p.end() // what has changed is shown, however long the interval
	s.shows("m v", "2=2")
	p.put("m", "v", 3, 3.0)
	p.show.PublishState(live.State{Machine: "m"})
	if fault := s.Subscribe(context.Background(), func() {}, "machine:m"); fault == nil || fault.Kind != "unavailable" {
		t.Errorf("subscribe after the end: %+v", fault)
	}
	if s.value("m v") != "2=2" {
		t.Error("something is shown after the end")
	}
	if err := p.show.Run(context.Background()); !errors.Is(err, hub.ErrRunning) {
		t.Errorf("second Run = %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	other, err := live.New(live.Options{Latest: p.store, Keys: access.NewKeys(access.List{})})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Run(ctx); err != nil {
		t.Errorf("Run that is stopped before it starts = %v", err)
	}
	if _, err := live.New(live.Options{}); err == nil {
		t.Error("New without a store")
	}
}

func FuzzParseRoom(f *testing.F) {
	for _, seed := range []string{"all", "alarms", "machine:m", "machine:a/b", "line:a/b/c", "line:a//c", "line:a/b/c/d", "machine: x", "all ", "\xff", "machine:\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		kind, machine, line, err := live.ParseRoom(name)
		if err != nil {
			if !errors.Is(err, factory.ErrInvalid) {
				t.Errorf("parseRoom(%q) = %v", name, err)
			}
			return
		}
		if rebuilt := map[string]string{"all": "all", "alarms": "alarms", "machine:": "machine:" + machine, "line:": line}[kind]; rebuilt != name {
			t.Errorf("parseRoom(%q) is %q", name, rebuilt)
		}
	})
}

func BenchmarkCommitted(b *testing.B) {
	for name, rooms := range map[string][]string{"nobody": nil, "one machine of 1000": {"machine:m7"}, "all": {"all"}} {
		b.Run(name, func(b *testing.B) {
			show, err := live.New(live.Options{Latest: memory.New(memory.Options{}), Keys: access.NewKeys(access.List{})})
			if err != nil {
				b.Fatal(err)
			}
			if rooms != nil {
				c := show.NewSession(&nothing{}, access.Principal{})
				if fault := c.Subscribe(context.Background(), func() {}, rooms...); fault != nil {
					b.Fatal(fault)
				}
			}
			readings := make([]factory.Reading, 1000)
			for i := range readings {
				readings[i] = factory.Reading{Machine: fmt.Sprint("m", i), Metric: "v", Value: 1}
			}
			b.ReportAllocs()
			ts := int64(base)
			for b.Loop() {
				ts++
				for i := range readings {
					readings[i].ObservedAt = ts
				}
				show.PublishReadings(readings, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/reading")
		})
	}
}

type nothing struct{ _ byte }

func (*nothing) Deliver(*hub.Frame) {}

package hub_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/live/hub/hubtest"
)

// member records its frames.
type member struct {
	mu     sync.Mutex
	frames []*hub.Frame
}

func (m *member) Deliver(f *hub.Frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frames = append(m.frames, f)
}

func (m *member) all() []*hub.Frame {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*hub.Frame(nil), m.frames...)
}

// snapshot returns a function that makes the first frame of a member.
func snapshot(room string) func(uint64) *hub.Frame {
	return func(seq uint64) *hub.Frame { return &hub.Frame{Room: room, Event: "snapshot", Seq: seq} }
}

func TestFramesAreSharedAndEncodedOnce(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{})
	a, b, c := &member{}, &member{}, &member{}
	for _, m := range []*member{a, b} {
		h.Join("r", m, snapshot("r"))
	}
	h.Join("other", c, snapshot("other"))
	if n := h.Emit("r", "telemetry", []byte(`{}`), true); n != 2 {
		t.Errorf("Emit to two members = %d", n)
	}
	if n := h.Emit("nobody", "telemetry", []byte(`{}`), true); n != 0 {
		t.Errorf("Emit to nobody = %d", n)
	}
	fa, fb := a.all(), b.all()
	if len(fa) != 2 || len(fb) != 2 || fa[1] != fb[1] || len(c.all()) != 1 {
		t.Fatalf("frames %v and %v, want a snapshot each and one shared frame", fa, fb)
	}
	encoded := 0
	encode := func(f *hub.Frame) any { encoded++; return fmt.Sprint(f.Event, f.Seq) }
	if fa[1].Encoded(1, encode) != "telemetry2" || fb[1].Encoded(1, encode) != "telemetry2" || encoded != 1 {
		t.Errorf("encoded %d times, want once", encoded)
	}
	if fa[1].Encoded(2, encode); encoded != 2 {
		t.Error("another format was not encoded")
	}
}

func TestFramesOfOneRunShareAKey(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{})
	m := &member{}
	for _, room := range []string{"r", "s"} {
		h.Join(room, m, snapshot(room))
	}
	emit := func(room, event string, replaceable bool) uint64 {
		h.Emit(room, event, nil, replaceable)
		frames := m.all()
		return frames[len(frames)-1].Key
	}
	first := emit("r", "telemetry", true)
	if first == 0 || emit("r", "telemetry", true) != first {
		t.Error("consecutive telemetry has different keys")
	}
	if other := emit("s", "telemetry", true); other == first || emit("r", "telemetry", true) != first {
		t.Error("another room has the same key, or ends the run")
	}
	if emit("r", "alarm", false) != 0 {
		t.Error("an alarm has a key")
	}
	// In a queue, a newer frame takes the position of the older one. It must not
	// overtake the alarm.
	second := emit("r", "telemetry", true)
	if second == first || second == 0 {
		t.Error("telemetry before and after an alarm has one key")
	}
	if oee := emit("r", "oee", true); oee == second || emit("r", "telemetry", true) == second {
		t.Error("telemetry before and after another event has one key")
	}
	third := emit("r", "telemetry", true)
	h.Join("r", m, snapshot("r"))
	if emit("r", "telemetry", true) == third {
		t.Error("telemetry before and after a fresh snapshot has one key")
	}
}

func TestLeaveRemovesMembersAndEmptyRooms(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{})
	a, b := &member{}, &member{}
	h.Join("r", a, snapshot("r"))
	h.Join("r", b, snapshot("r"))
	h.Join("r", a, snapshot("r"))
	if s := h.Stats(); s.Members != 2 || s.Rooms != 1 {
		t.Errorf("Stats = %+v, want 2 members: a second Join adds none", s)
	}
	if left, empty := h.Leave("r", a); !left || empty {
		t.Errorf("Leave = %v, %v", left, empty)
	}
	if left, _ := h.Leave("r", a); left {
		t.Error("the second Leave reports a member")
	}
	h.Emit("r", "e", nil, false)
	if left, empty := h.Leave("r", b); !left || !empty || h.Has("r") {
		t.Errorf("the last Leave = %v, %v", left, empty)
	}
	if len(a.all()) != 2 || len(b.all()) != 2 {
		t.Errorf("%d and %d frames", len(a.all()), len(b.all()))
	}
	if s := h.Stats(); s.Members != 0 || s.Rooms != 0 || s.Deliveries != 4 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestEmitReachesExactlyTheMembers(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{})
	var in []*member
	for round := range 200 {
		if round%3 == 2 && round < 150 || round >= 150 && len(in) > 0 {
			m := in[round%len(in)]
			if left, empty := h.Leave("r", m); !left || empty != (len(in) == 1) {
				t.Fatalf("round %d: Leave = %v, %v with %d members", round, left, empty, len(in))
			}
			in = slices.DeleteFunc(in, func(other *member) bool { return other == m })
		} else {
			m := &member{}
			h.Join("r", m, snapshot("r"))
			in = append(in, m)
		}
		before := make([]int, len(in))
		for i, m := range in {
			before[i] = len(m.all())
		}
		if n := h.Emit("r", "e", nil, false); n != len(in) {
			t.Fatalf("round %d: Emit reaches %d of %d", round, n, len(in))
		}
		for i, m := range in {
			if len(m.all()) != before[i]+1 {
				t.Fatalf("round %d: a member got %d frames", round, len(m.all())-before[i])
			}
		}
	}
}

func TestMembersReceiveEveryFrameOnceAfterJoin(t *testing.T) {
	t.Parallel()
	h := hub.New(hub.Options{})
	permanent := &member{}
	h.Join("r", permanent, snapshot("r"))
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				h.Emit("r", "e", nil, false)
			}
		}
	}()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				m := &member{}
				h.Join("r", m, snapshot("r"))
				for len(m.all()) < 3 {
					h.Emit("r", "e", nil, false)
				}
				h.Leave("r", m)
				at := len(m.all())
				h.Emit("r", "e", nil, false)
				frames := m.all()
				if len(frames) != at {
					t.Error("a frame after Leave")
				}
				for i, f := range frames {
					if f.Seq != frames[0].Seq+uint64(i) || (i == 0) != (f.Event == "snapshot") {
						t.Errorf("frame %d is %s %d after a snapshot at %d", i, f.Event, f.Seq, frames[0].Seq)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	<-ended
}

// recorder records the callbacks of a hub.
type recorder struct {
	mu        sync.Mutex
	received  []string
	gaps      map[string]int
	interest  map[string]bool
	connected bool
}

// runHub runs a hub until the test ends.
func runHub(t *testing.T, broker hub.Broker) (*hub.Hub, *recorder) {
	t.Helper()
	e := &recorder{gaps: map[string]int{}, interest: map[string]bool{}}
	h := hub.New(hub.Options{
		Broker: broker,
		OnMessage: func(room, event string, data []byte) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.received = append(e.received, room+" "+event+" "+string(data))
		},
		OnGap:      func(room string) { e.mu.Lock(); defer e.mu.Unlock(); e.gaps[room]++ },
		OnInterest: func(room string, yes bool) { e.mu.Lock(); defer e.mu.Unlock(); e.interest[room] = yes },
		OnState:    func(err error) { e.mu.Lock(); defer e.mu.Unlock(); e.connected = err == nil },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	e.eventually(t, "connected", func() bool { return e.connected })
	return h, e
}

func (e *recorder) eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		e.mu.Lock()
		ok := done()
		e.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within a minute; %+v", what, e)
		}
	}
}

func TestHubsPublishOnlyWhereThereIsInterest(t *testing.T) {
	t.Parallel()
	bus := new(hubtest.Bus)
	a, ea := runHub(t, bus.NewBroker())
	b, eb := runHub(t, bus.NewBroker())
	if a.Publish("r", "e", []byte(`1`)) {
		t.Error("Publish = true without interest")
	}
	m := &member{}
	b.Join("r", m, snapshot("r"))
	ea.eventually(t, "interest", func() bool { return ea.interest["r"] })
	eb.eventually(t, "the gap before the interest was known", func() bool { return eb.gaps["r"] == 1 })
	for i := range 3 {
		if !a.Publish("r", "e", fmt.Append(nil, i)) {
			t.Error("Publish = false, want true")
		}
	}
	eb.eventually(t, "the messages", func() bool { return len(eb.received) == 3 })
	if fmt.Sprint(eb.received) != "[r e 0 r e 1 r e 2]" || eb.gaps["r"] != 1 {
		t.Errorf("received %v, gaps %v", eb.received, eb.gaps)
	}
	if len(m.all()) != 1 {
		t.Error("a message of another hub was delivered to a member")
	}
	b.Leave("r", m)
	ea.eventually(t, "the end of the interest", func() bool { return !ea.interest["r"] })
}

// lossyBroker drops the next drop messages.
type lossyBroker struct {
	*hubtest.MemoryBroker
	mu   sync.Mutex
	drop int
}

func (l *lossyBroker) Publish(room string, message []byte) {
	l.mu.Lock()
	drop := l.drop > 0
	if drop {
		l.drop--
	}
	l.mu.Unlock()
	if !drop {
		l.MemoryBroker.Publish(room, message)
	}
}

func TestLostMessagesAreReportedAsGaps(t *testing.T) {
	t.Parallel()
	bus := new(hubtest.Bus)
	broker := &lossyBroker{MemoryBroker: bus.NewBroker()}
	a, ea := runHub(t, broker)
	b, eb := runHub(t, bus.NewBroker())
	b.Join("r", &member{}, snapshot("r"))
	ea.eventually(t, "interest", func() bool { return ea.interest["r"] })
	eb.eventually(t, "the gap at the start", func() bool { return eb.gaps["r"] == 1 })

	broker.mu.Lock()
	broker.drop = 2
	broker.mu.Unlock()
	for i := range 4 {
		a.Publish("r", "e", fmt.Append(nil, i))
	}
	eb.eventually(t, "the gap", func() bool { return eb.gaps["r"] == 2 && len(eb.received) == 2 })

	// A disconnection is a gap in every room. It is reported even if no message
	// follows.
	bus.Disconnect(t)
	a.Publish("r", "e", []byte(`9`))
	bus.Reconnect(t)
	eb.eventually(t, "gaps after the disconnection", func() bool { return eb.gaps["r"] >= 3 })
	if s := b.Stats(); s.Gaps < 3 || s.Received == 0 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestHubWithoutBroker(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := hub.New(hub.Options{})
	if err := h.Run(ctx); err != nil {
		t.Errorf("Run without a broker = %v", err)
	}
	h.Join("r", &member{}, snapshot("r"))
	if h.Publish("r", "e", nil) || h.RemoteInterest("r") {
		t.Error("a hub without a broker has remote interest")
	}
}

func BenchmarkEmit(b *testing.B) {
	h := hub.New(hub.Options{})
	for range 1000 {
		h.Join("r", new(countingMember), snapshot("r"))
	}
	b.ReportAllocs()
	for b.Loop() {
		h.Emit("r", "telemetry", nil, true)
	}
}

type countingMember struct{ n int }

func (s *countingMember) Deliver(*hub.Frame) { s.n++ }

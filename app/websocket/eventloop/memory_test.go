package eventloop_test

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

// evictable sends itself when it is evicted.
type evictable struct {
	name    string
	account eventloop.Account
	evicted chan string
}

func (e *evictable) Evict() {
	e.evicted <- e.name
	e.account.Close()
}

// startMemory runs a loop with a limit and returns sessions of the given sizes.
func startMemory(t *testing.T, limit int64, sizes map[string]int) (m *eventloop.Memory, sessions map[string]*evictable, evicted chan string) {
	t.Helper()
	l, err := eventloop.New(eventloop.Options{Shards: 1, MemoryLimit: limit})
	if err != nil {
		t.Fatal(err)
	}
	runLoop(t, l)
	evicted, sessions = make(chan string, len(sizes)), map[string]*evictable{}
	for name, size := range sizes {
		e := &evictable{name: name, evicted: evicted}
		e.account.Open(l.Memory(), e, size)
		sessions[name] = e
	}
	return l.Memory(), sessions, evicted
}

func next(t *testing.T, evicted <-chan string) string {
	t.Helper()
	select {
	case name := <-evicted:
		return name
	case <-time.After(testTimeout):
		t.Fatal("nobody was evicted")
		return ""
	}
}

func TestTheLargestSessionsAreEvictedFirst(t *testing.T) {
	t.Parallel()
	m, sessions, evicted := startMemory(t, 800<<10, map[string]int{"small": 50 << 10, "large": 300 << 10, "larger": 400 << 10, "tiny": 10 << 10})
	sessions["tiny"].account.Charge(60 << 10) // 820 KiB: a limit of 800 leaves 700
	if got := next(t, evicted); got != "larger" {
		t.Errorf("evicted %q, want the largest", got)
	}
	if used := m.Used(); used != 420<<10 {
		t.Errorf("%d bytes are held after the eviction, want %d", used, 420<<10)
	}
	sessions["tiny"].account.Charge(800 << 10)
	if got := next(t, evicted); got != "tiny" {
		t.Errorf("evicted %q, want the one that has grown", got)
	}
}

// What a session that has ended has yet to release costs nobody else.
func TestNobodyIsEvictedForWhatIsBeingReleased(t *testing.T) {
	t.Parallel()
	_, sessions, evicted := startMemory(t, 800<<10, map[string]int{"quiet": 20 << 10, "ended": 10 << 10, "large": 10 << 10})
	ended := &sessions["ended"].account
	ended.Charge(700 << 10)
	ended.Close()
	sessions["quiet"].account.Charge(200 << 10)
	ended.Charge(-700 << 10)
	sessions["large"].account.Charge(700 << 10)
	if got := next(t, evicted); got != "large" {
		t.Errorf("evicted %q, want the one that holds most now", got)
	}
}

func TestASessionHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	_, sessions, evicted := startMemory(t, 0, map[string]int{"bound": 10, "free": 10})
	sessions["bound"].account.SetLimit(100)
	sessions["free"].account.Charge(1 << 20)
	sessions["bound"].account.Charge(91)
	if got := next(t, evicted); got != "bound" {
		t.Errorf("evicted %q, want the one above its limit", got)
	}
}

func TestSharedDataIsAddedOnce(t *testing.T) {
	t.Parallel()
	m, sessions, _ := startMemory(t, 0, map[string]int{"a": 0, "b": 0, "c": 0})
	shared := &eventloop.Shared{Size: 1000}
	for _, e := range sessions {
		e.account.Hold(shared, 1000)
		if got := e.account.Used(); got != 1000+eventloop.ItemCost {
			t.Errorf("a session holds %d bytes, want %d", got, 1000+eventloop.ItemCost)
		}
	}
	if got, want := m.Used(), int64(1000+3*eventloop.ItemCost); got != want {
		t.Errorf("three sessions with one message hold %d bytes, want %d", got, want)
	}
	for _, e := range sessions {
		e.account.Drop(shared, 1000)
	}
	if got := m.Used(); got != 0 {
		t.Errorf("%d bytes are held at the end", got)
	}
}

// Small messages cost more than their data, so a client cannot hold many times its
// limit with them.
func TestTheLimitCountsWhatMessagesCost(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	h := newHandler(nil)
	var c eventloop.Conn
	const limit = 1 << 20
	if err := l.Add(&c, s, h, limit); err != nil {
		t.Fatal(err)
	}
	var err error
	sent := 0
	for ; err == nil; sent++ {
		err = c.Send(0, []byte("x"))
	}
	if !errors.Is(err, eventloop.ErrSlowClient) {
		t.Fatalf("Send = %v, want %v", err, eventloop.ErrSlowClient)
	}
	_, _ = io.ReadAll(peer)
	if inSocket := 1 << 20; sent > inSocket+limit/eventloop.ItemCost { // the socket holds some
		t.Errorf("%d messages of a byte were accepted with a limit of %d", sent, limit)
	}
}

func TestAClientThatDoesNotReadIsNotRead(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	const requests = 20_000
	paused := make(chan struct{}, requests)
	reply := slices.Repeat([]byte("r"), 1<<10)
	h := newHandler(func(c *eventloop.Conn) {
		buf := make([]byte, 16)
		for {
			if c.Paused() {
				paused <- struct{}{}
				return
			}
			if _, err := c.Read(buf); err != nil {
				return
			}
			_ = c.Send(0, reply)
		}
	})
	var c eventloop.Conn
	if err := l.Add(&c, s, h, 1<<20); err != nil {
		t.Fatal(err)
	}
	go func() {
		for range requests {
			if _, err := peer.Write(make([]byte, 16)); err != nil {
				t.Errorf("write: %v", err)
				return
			}
		}
	}()
	select {
	case <-paused:
	case <-time.After(testTimeout):
		t.Fatal("a client that does not read is still read")
	}
	if used := c.Queued(); used > 1<<19 {
		t.Errorf("%d bytes wait for a client that does not read, with a limit of %d", used, 1<<20)
	}
	if n, err := io.CopyN(io.Discard, peer, int64(requests*len(reply))); err != nil {
		t.Errorf("a client that catches up gets %d bytes of replies, then %v", n, err)
	}
}

//go:build integration

package redisbroker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/live/hub/hubtest"
	"smart-factory-backend/app/live/hub/redisbroker"
	"smart-factory-backend/app/testkit/porttest"
)

const patience = time.Minute

// redis is a server of a test's own.
type redis struct {
	addr string
	port string
	cmd  *exec.Cmd
}

func start(t *testing.T) *redis {
	t.Helper()
	port := strconv.Itoa(porttest.ForTest(t))
	r := &redis{addr: net.JoinHostPort("127.0.0.1", port), port: port}
	r.Mend(t)
	t.Cleanup(func() { r.Cut(t) })
	return r
}

// Mend starts the server and waits until it accepts.
func (r *redis) Mend(t *testing.T) {
	t.Helper()
	r.cmd = exec.Command("redis-server", "--port", r.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		if c, err := net.Dial("tcp", r.addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("redis-server does not start")
		}
	}
}

// Cut kills the server.
func (r *redis) Cut(*testing.T) {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *redis) options() redisbroker.Options {
	return redisbroker.Options{
		URL: "redis://" + r.addr, Poll: 50 * time.Millisecond, BackoffMax: 200 * time.Millisecond,
		Prefix: "test*[x]",
	}
}

func (r *redis) Open(t *testing.T) hub.Broker {
	t.Helper()
	b, err := redisbroker.New(r.options())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIntegrationContract(t *testing.T) {
	t.Parallel()
	hubtest.Run(t, func(t *testing.T) hubtest.Network { return start(t) })
}

// watcher is a listener that keeps the last state.
type watcher struct {
	mu     sync.Mutex
	state  error
	told   int
	wanted map[string]bool
	panics bool
}

func (w *watcher) Message(string, []byte) {
	if w.panics {
		panic("a fault in a listener")
	}
}

func (w *watcher) Wanted(room string, yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted[room] = yes
}

func (w *watcher) State(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = err
	w.told++
}

// run runs a broker until the test ends.
func run(t *testing.T, o redisbroker.Options, panics bool) (*redisbroker.Broker, *watcher) {
	t.Helper()
	b, err := redisbroker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{state: errors.New("not told"), wanted: map[string]bool{}, panics: panics}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, w) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return b, w
}

func (w *watcher) eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		w.mu.Lock()
		ok := done()
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v; state %v", what, patience, w.state)
		}
	}
}

// A server that hangs is noticed like one that is gone.
func TestIntegrationHungServer(t *testing.T) {
	t.Parallel()
	r := start(t)
	o := r.options()
	o.Timeout = 300 * time.Millisecond
	b, w := run(t, o, false)
	w.eventually(t, "connected", func() bool { return w.state == nil })
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "noticed", func() bool { return w.state != nil })
	if b.Stats().Connected {
		t.Error("Connected is true without a server")
	}
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "back", func() bool { return w.state == nil })
	if s := b.Stats(); !s.Connected || s.Sessions != 2 {
		t.Errorf("Stats = %+v, want a second session", s)
	}
}

// Before there is a server, and without the right password, it keeps trying.
func TestIntegrationServerComesLate(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.Cut(t)
	_, w := run(t, r.options(), false)
	w.eventually(t, "several tries", func() bool { return w.told > 2 })
	r.Mend(t)
	w.eventually(t, "connected", func() bool { return w.state == nil })
}

// A fault in the listener ends the session, not the process.
func TestIntegrationPanicIsContained(t *testing.T) {
	t.Parallel()
	r := start(t)
	b, w := run(t, r.options(), true)
	other, seen := run(t, r.options(), false)
	b.Subscribe("r")
	seen.eventually(t, "the wish", func() bool { return seen.wanted["r"] })
	told := 0
	w.eventually(t, "connected", func() bool { told = w.told; return w.state == nil })
	other.Publish("r", []byte("x"))
	w.eventually(t, "a new session", func() bool { return w.told >= told+2 && w.state == nil })
	if got := b.Stats().Sessions; got != 2 {
		t.Errorf("sessions = %d, want 2", got)
	}
}

// What waits while the server takes nothing is bounded, and dropped with a count.
func TestIntegrationQueueIsBounded(t *testing.T) {
	t.Parallel()
	r := start(t)
	o := r.options()
	o.QueueBytes = 1 << 20
	b, w := run(t, o, false)
	w.eventually(t, "connected", func() bool { return w.state == nil })
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 64<<10)
	for range 1000 {
		b.Publish("r", message)
	}
	if dropped := b.Stats().Dropped; dropped < 500 {
		t.Errorf("%d of 1000 messages dropped with a queue for 16", dropped)
	}
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

func TestIntegrationMany(t *testing.T) {
	t.Parallel()
	r := start(t)
	a, w := run(t, r.options(), false)
	b, seen := run(t, r.options(), false)
	for i := range 3000 {
		a.Subscribe(fmt.Sprint("room", i))
	}
	seen.eventually(t, "all wishes", func() bool { return len(seen.wanted) == 3000 })
	r.Cut(t)
	w.eventually(t, "away", func() bool { return w.state != nil })
	seen.mu.Lock()
	clear(seen.wanted)
	seen.mu.Unlock()
	r.Mend(t)
	seen.eventually(t, "all wishes again", func() bool { return len(seen.wanted) == 3000 })
	_ = b
}

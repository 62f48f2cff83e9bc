package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/testkit/leaktest"

	"github.com/valyala/fasthttp"
)

// patience bounds every wait of the tests. Only a failing test waits that long.
const patience = time.Minute

// testSupervisor is a Supervisor that runs until its test ends.
type testSupervisor struct {
	*cluster.Supervisor
	t      testing.TB
	events *eventRecorder
	addr   string
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Run, once ended is closed
}

// start runs a Supervisor on a free port of 127.0.0.1 and stops it when the
// test ends. Unset shutdown times of o become short.
func start(t testing.TB, o cluster.Options) *testSupervisor {
	t.Helper()
	r := startWithoutWait(t, o)
	within(t, "start", r.Ready())
	return r
}

// startWithoutWait is start without the wait for the workers. It calls
// beforeRun just before Run.
func startWithoutWait(t testing.TB, o cluster.Options, beforeRun ...func(*cluster.Supervisor)) *testSupervisor {
	t.Helper()
	r := &testSupervisor{t: t, events: newEventRecorder(), ended: make(chan struct{})}
	if o.Handler == nil {
		o.Handler = answerOK
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Shutdown.HandshakeGrace == 0 {
		o.Shutdown.HandshakeGrace = 10 * time.Millisecond
	}
	if o.Shutdown.IdleGrace == 0 {
		o.Shutdown.IdleGrace = 10 * time.Millisecond
	}
	if o.Shutdown.Timeout == 0 {
		o.Shutdown.Timeout = patience
	}
	if also := o.Observe; also != nil {
		o.Observe = func(e cluster.Event) { r.events.add(e); also(e) }
	} else {
		o.Observe = r.events.add
	}
	sup, err := cluster.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if err := sup.Listen(context.Background()); err != nil {
		t.Fatalf("Listen: %v", err)
	}
	r.Supervisor, r.addr = sup, sup.Addr().String()
	for _, f := range beforeRun {
		f(sup)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { // ended by cancel, awaited by stop
		defer close(r.ended)
		r.err = sup.Run(ctx)
	}()
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// stop shuts the Supervisor down and returns the error of Run.
func (r *testSupervisor) stop() error {
	r.t.Helper()
	r.cancel()
	return r.wait()
}

// wait waits until Run returns, and returns its error.
func (r *testSupervisor) wait() error {
	r.t.Helper()
	within(r.t, "end of Run", r.ended)
	return r.err
}

// outlives reports whether Run has not returned within d.
func (r *testSupervisor) outlives(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.ended:
		return false
	case <-timer.C:
		return true
	}
}

// status returns the state of the Supervisor, which must be running.
func (r *testSupervisor) status() cluster.Status {
	r.t.Helper()
	st, err := r.Status()
	if err != nil {
		r.t.Fatalf("Status() = %v, want nil", err)
	}
	return st
}

// within waits until c delivers a value or is closed.
func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		t.Fatalf("%s: not within %v\n%s", what, patience, stacks())
	}
	panic("unreachable")
}

// eventually waits until done returns true.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v\n%s", what, patience, stacks())
		}
	}
}

func stacks() string {
	var all strings.Builder
	for _, s := range leaktest.Stacks() {
		fmt.Fprintf(&all, "%s\n\n", s)
	}
	return all.String()
}

// eventRecorder records the events of a Supervisor.
type eventRecorder struct {
	mu     sync.Mutex
	events []cluster.Event
	added  chan struct{} // closed and replaced with each event
}

func newEventRecorder() *eventRecorder { return &eventRecorder{added: make(chan struct{})} }

func (r *eventRecorder) add(e cluster.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.added)
	r.added = make(chan struct{})
}

// reset drops the events so far.
func (r *eventRecorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// summary returns how many events of each type there were.
func (r *eventRecorder) summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := map[string]int{}
	for _, e := range r.events {
		count[cluster.Message(e)]++
	}
	return fmt.Sprint(count)
}

// eventsOf returns the recorded events of one type.
func eventsOf[E cluster.Event](r *eventRecorder) []E {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []E
	for _, e := range r.events {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// waitForEvents waits for n events of one type and returns the first n.
func waitForEvents[E cluster.Event](t testing.TB, r *eventRecorder, n int) []E {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		r.mu.Lock()
		added := r.added
		r.mu.Unlock()
		found := eventsOf[E](r)
		if len(found) >= n {
			return found[:n]
		}
		select {
		case <-added:
		case <-timer.C:
			t.Fatalf("%d events %T, want %d; there were %s", len(found), *new(E), n, r.summary())
		}
	}
}

// answerOK is a handler that responds with "ok".
func answerOK(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("ok") }

// dial opens a connection that is closed when the test ends.
func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// dialWithReader is dial with a deadline and a buffered reader.
func dialWithReader(t testing.TB, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, addr)
	_ = c.SetDeadline(time.Now().Add(patience))
	return c, bufio.NewReader(c)
}

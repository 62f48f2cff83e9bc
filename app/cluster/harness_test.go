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

// patience bounds every wait of the tests. It is only ever used up by a test
// that fails.
const patience = time.Minute

// running is a Supervisor that runs for the time of a test.
type testSupervisor struct {
	*cluster.Supervisor
	t      testing.TB
	events *eventRecorder
	addr   string
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Run, once ended is closed
}

// start runs a Supervisor with o on a free port of 127.0.0.1 and stops it when
// the test ends. Where o leaves them open, the times of the shutdown are short.
func start(t testing.TB, o cluster.Options) *testSupervisor {
	t.Helper()
	r := startWithoutWait(t, o)
	within(t, "start", r.Ready())
	return r
}

// begin is start without the wait for the workers; beforeRun is called just
// before Run.
func startWithoutWait(t testing.TB, o cluster.Options, beforeRun ...func(*cluster.Supervisor)) *testSupervisor {
	t.Helper()
	r := &testSupervisor{t: t, events: newEventRecorder(), ended: make(chan struct{})}
	if o.Handler == nil {
		o.Handler = answerOK
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.GateDelay == 0 {
		o.GateDelay = 10 * time.Millisecond
	}
	if o.IdleGrace == 0 {
		o.IdleGrace = 10 * time.Millisecond
	}
	if o.ShutdownTimeout == 0 {
		o.ShutdownTimeout = patience
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

// stop ends the Supervisor and returns what Run returned.
func (r *testSupervisor) stop() error {
	r.t.Helper()
	r.cancel()
	return r.wait()
}

// wait returns what Run returns.
func (r *testSupervisor) wait() error {
	r.t.Helper()
	within(r.t, "the end of Run", r.ended)
	return r.err
}

// outlives reports whether Run has still not returned after a while.
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

// status returns the Supervisor's state, which must be running.
func (r *testSupervisor) status() cluster.Status {
	r.t.Helper()
	st, err := r.Status()
	if err != nil {
		r.t.Fatalf("Status() = %v, want nil", err)
	}
	return st
}

// within waits for c to be closed or to deliver.
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

// eventually waits until done holds.
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

// recorder keeps the events of a Supervisor.
type eventRecorder struct {
	mu     sync.Mutex
	events []cluster.Event
	more   chan struct{} // closed and replaced with each event
}

func newEventRecorder() *eventRecorder { return &eventRecorder{more: make(chan struct{})} }

func (r *eventRecorder) add(e cluster.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.more)
	r.more = make(chan struct{})
}

// all returns the events of a kind so far; those of every kind for "".
func (r *eventRecorder) all(kind cluster.Kind) []cluster.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []cluster.Event
	for _, e := range r.events {
		if kind == "" || e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// wait returns the first n events of a kind, and waits for them.
func (r *eventRecorder) wait(t testing.TB, kind cluster.Kind, n int) []cluster.Event {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		r.mu.Lock()
		more := r.more
		r.mu.Unlock()
		found := r.all(kind)
		if len(found) >= n {
			return found[:n]
		}
		select {
		case <-more:
		case <-timer.C:
			t.Fatalf("%d events %q, want %d; there were %s", len(found), kind, n, r.summary())
		}
	}
}

// forget drops the events so far.
func (r *eventRecorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

func (r *eventRecorder) summary() string {
	count := map[cluster.Kind]int{}
	for _, e := range r.all("") {
		count[e.Kind]++
	}
	return fmt.Sprint(count)
}

// answerOK is the handler that most tests need no more than.
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

// dialed is dial for a client that asks by hand.
func dialWithReader(t testing.TB, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, addr)
	_ = c.SetDeadline(time.Now().Add(patience))
	return c, bufio.NewReader(c)
}

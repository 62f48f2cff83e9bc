package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
)

// callingObserver calls every method of its Supervisor for the first event of
// each type, while it holds a lock.
type callingObserver struct {
	sup  *cluster.Supervisor
	mu   sync.Mutex
	seen map[string]error // by message; the joined errors of the calls
}

func (o *callingObserver) observe(e cluster.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.seen[cluster.Message(e)]; ok {
		return
	}
	o.seen[cluster.Message(e)] = nil // the calls below may cause the same event
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(supervisorCalls)) {
		if err := supervisorCalls[name](o.sup); err != nil && !errors.Is(err, cluster.ErrStopped) {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := o.sup.Listen(context.Background()); !errors.Is(err, cluster.ErrStopped) {
		errs = append(errs, fmt.Errorf("Listen during Run = %w, want ErrStopped", err))
	}
	if err := o.sup.Run(context.Background()); !errors.Is(err, cluster.ErrStopped) {
		errs = append(errs, fmt.Errorf("second Run = %w, want ErrStopped", err))
	}
	if running, _ := o.sup.Workers(); running < 0 || o.sup.Addr() == nil || o.sup.Ready() == nil || o.sup.Now().IsZero() {
		errs = append(errs, errors.New("Workers, Addr, Ready or Now returned nothing"))
	}
	if o.sup.Draining() {
		errs = append(errs, o.sup.Close())
	}
	o.seen[cluster.Message(e)] = errors.Join(errs...)
}

// wantSeen waits for an event of each of the types.
func (o *callingObserver) wantSeen(t *testing.T, types ...cluster.Event) {
	t.Helper()
	for _, e := range types {
		eventually(t, "event "+cluster.Message(e), func() bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			err, ok := o.seen[cluster.Message(e)]
			if err != nil {
				t.Fatalf("calls during %q: %v", cluster.Message(e), err)
			}
			return ok
		})
	}
}

func startWithCallingObserver(t *testing.T, opts cluster.Options) (*testSupervisor, *callingObserver) {
	t.Helper()
	o := &callingObserver{seen: map[string]error{}}
	opts.Observe = o.observe
	r := startWithoutWait(t, opts, func(s *cluster.Supervisor) { o.sup = s })
	within(t, "start", r.Ready())
	return r, o
}

// TestObserverMayCallSupervisor checks that a call of any method from Observe
// returns, whatever event Observe was called with.
func TestObserverMayCallSupervisor(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r, o := startWithCallingObserver(t, cluster.Options{
		Handler: faultHandler(release), Workers: 64,
		Restart:  cluster.Restart{MinUptime: time.Millisecond, MaxRestarts: 1, BackoffMin: 10 * time.Millisecond, BackoffMax: 20 * time.Millisecond},
		Watchdog: cluster.Watchdog{StallAfter: 200 * time.Millisecond, MaxAbandoned: 1000},
		Limits:   cluster.Limits{MaxConnsPerAddr: 1},
	})
	o.wantSeen(t, cluster.WorkersCapped{}, cluster.WorkerStarted{}, cluster.SupervisorStarted{})
	mustGet(t, r.addr, "/panic")
	o.wantSeen(t, cluster.PanicContained{}, cluster.WorkerRecycled{}, cluster.GenerationEnded{})
	o.wantSeen(t, cluster.WorkersScaled{}, cluster.WorkerStopped{}, cluster.WorkersReloaded{}) // by the observer itself
	for range 1 + reservedConns + 1 {
		dialFromStallAddr(t, r.addr)
	}
	o.wantSeen(t, cluster.ConnRefused{})
	foreign := joinPort(t, r.addr)
	eventually(t, "check of the port", func() bool {
		cluster.CheckForeignListeners(r.Supervisor)
		return len(eventsOf[cluster.ForeignListener](r.events)) > 0
	})
	o.wantSeen(t, cluster.ForeignListener{})
	_ = foreign.Close()
	go func() { _, _ = (&client{addr: r.addr}).get("/stall") }() // ends with release
	o.wantSeen(t, cluster.WorkerAbandoned{}, cluster.WorkerFailed{})
	close(release)
	eventually(t, "backoff of a worker", func() bool {
		_, _ = (&client{addr: r.addr, closeEach: true}).get("/kill")
		return len(eventsOf[cluster.WorkerBackoff](r.events)) > 0 && len(eventsOf[cluster.SocketAdopted](r.events)) > 0
	})
	o.wantSeen(t, cluster.WorkerBackoff{}, cluster.SocketAdopted{})
	_ = r.stop()
	o.wantSeen(t, cluster.ShutdownStep{})
}

// TestObserverMayCallSupervisorThatGivesUp is the same for the event that
// TestObserverMayCallSupervisor can't provoke.
func TestObserverMayCallSupervisorThatGivesUp(t *testing.T) {
	t.Parallel()
	r, o := startWithCallingObserver(t, cluster.Options{
		Handler: faultHandler(nil), Workers: 1,
		Restart: cluster.Restart{MaxRestarts: 1, BackoffMin: time.Hour, BackoffMax: time.Hour},
	})
	for ended := false; !ended; {
		_, _ = (&client{addr: r.addr, closeEach: true}).get("/kill")
		ended = !r.outlives(0)
	}
	if err := r.wait(); !errors.Is(err, cluster.ErrGaveUp) {
		t.Errorf("Run() = %v, want ErrGaveUp", err)
	}
	o.wantSeen(t, cluster.GaveUp{})
}

// TestObserverMayReloadWithoutEnd checks that an observer whose calls cause
// the next event does not keep Run from ending.
func TestObserverMayReloadWithoutEnd(t *testing.T) {
	t.Parallel()
	var sup *cluster.Supervisor
	r := startWithoutWait(t, cluster.Options{Observe: func(e cluster.Event) {
		switch e.(type) {
		case cluster.SupervisorStarted, cluster.WorkersReloaded:
			_, _ = sup.Reload()
		}
	}}, func(s *cluster.Supervisor) { sup = s })
	waitForEvents[cluster.WorkersReloaded](t, r.events, 20)
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}

// TestEventsOfTheSupervisorComeInOrder checks the order of the events that the
// goroutine of Run emits.
func TestEventsOfTheSupervisorComeInOrder(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Workers: 2})
	for range 50 {
		if _, err := r.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	recycled := eventsOf[cluster.WorkerRecycled](r.events)
	if len(recycled) != 100 {
		t.Fatalf("%d WorkerRecycled events before Run returned, want 100", len(recycled))
	}
	for i, e := range recycled {
		if e.Worker != 1+i%2 || e.Generation != 2+i/2 {
			t.Fatalf("event %d: %+v, want worker %d in generation %d", i, e, 1+i%2, 2+i/2)
		}
	}
}

func TestEventsAreLoggedInOneLine(t *testing.T) {
	t.Parallel()
	failure := errors.New("broken")
	tests := map[string]cluster.Event{
		`INFO "supervisor started" workers=4`:                                                               cluster.SupervisorStarted{Workers: 4},
		`INFO "worker started" worker=1 generation=2`:                                                       cluster.WorkerStarted{Worker: 1, Generation: 2},
		`INFO "worker recycled" worker=1 generation=2 reason=panic`:                                         cluster.WorkerRecycled{Worker: 1, Generation: 2, Reason: "panic"},
		`ERROR "worker failed" worker=1 generation=2 error=broken`:                                          cluster.WorkerFailed{Worker: 1, Generation: 2, Err: failure},
		`ERROR "worker in backoff" worker=1 count=6 delay=1s`:                                               cluster.WorkerBackoff{Worker: 1, Failures: 6, Delay: time.Second},
		`INFO "worker stopped" worker=1 generation=2 reason=GOMAXPROCS`:                                     cluster.WorkerStopped{Worker: 1, Generation: 2, Reason: "GOMAXPROCS"},
		`ERROR "worker abandoned" worker=1 generation=2 count=3 error=broken stack=dump`:                    cluster.WorkerAbandoned{Worker: 1, Generation: 2, Abandoned: 3, Err: failure, Stacks: []byte("dump")},
		`DEBUG "generation ended" worker=1 generation=2 delay=1s`:                                           cluster.GenerationEnded{Worker: 1, Generation: 2, DrainTime: time.Second},
		`INFO "socket adopted" worker=1 slot=2`:                                                             cluster.SocketAdopted{Worker: 1, Slot: 2},
		`ERROR "panic contained" worker=1 generation=2 place=handler value=7 stack=dump`:                    cluster.PanicContained{Worker: 1, Generation: 2, Place: "handler", Value: 7, Stack: []byte("dump")},
		`ERROR "panic contained" worker=1 generation=2 place="body stream" value=runtime.Goexit stack=dump`: cluster.PanicContained{Worker: 1, Generation: 2, Place: "body stream", Stack: []byte("dump")},
		`WARN "accept delayed" worker=1 generation=2 error=broken delay=5ms`:                                cluster.AcceptDelayed{Worker: 1, Generation: 2, Err: failure, Delay: 5 * time.Millisecond},
		`WARN "connection refused" worker=1 generation=2 reason="connections of one address"`:               cluster.ConnRefused{Worker: 1, Generation: 2, Limit: "connections of one address"},
		`WARN "response not read in time" worker=1 generation=2 client=192.0.2.1:80 taken=3 waited=1s`: cluster.ReaderTimedOut{
			Worker: 1, Generation: 2, Client: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:80")), Taken: 3, Waited: time.Second,
		},
		`WARN "workers capped" count=64 limit=4`:                         cluster.WorkersCapped{Requested: 64, Allowed: 4},
		`INFO "workers scaled" workers=2 reason="asked for"`:             cluster.WorkersScaled{Workers: 2, Reason: "asked for"},
		`INFO "workers reloaded" workers=2 delay=1s`:                     cluster.WorkersReloaded{Recycled: 2, Duration: time.Second},
		`WARN "foreign listener on the port" count=1`:                    cluster.ForeignListener{Sockets: 1},
		`WARN "steering refused" error=broken`:                           cluster.SteeringFailed{Err: failure},
		`INFO "shutdown step" step="sockets closed" duration=1s count=3`: cluster.ShutdownStep{Step: cluster.StepSocketsClosed, Duration: time.Second, Count: 3},
		`ERROR "supervisor gave up" error=broken`:                        cluster.GaveUp{Err: failure},
	}
	for want, e := range tests {
		t.Run(fmt.Sprintf("%T", e), func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
				Level: slog.LevelDebug,
				ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
					if len(groups) == 0 && a.Key == slog.TimeKey {
						return slog.Attr{}
					}
					return a
				},
			}))
			log.LogAttrs(context.Background(), cluster.Level(e), cluster.Message(e), slog.Any("", e)) //nolint:sloglint // every Message is a constant
			got := strings.NewReplacer("level=", "", "msg=", "").Replace(strings.TrimSpace(out.String()))
			if got != want {
				t.Errorf("logged %s\nwant   %s", got, want)
			}
		})
	}
}

package health

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// refreshAfter is how old the answers of the checks may get.
const refreshAfter = 100 * time.Millisecond

// Workers is what the probes need to know of the cluster. Both methods are
// called for every probe, concurrently: they must be about as cheap as reading
// an atomic variable.
type Workers interface {
	// Workers returns how many workers run and how many there should be.
	Workers() (running, total int)
	// Draining reports whether shutdown has begun.
	Draining() bool
}

// Registry holds the checks and answers the probes.
type Registry struct {
	workers Workers
	now     func() time.Time
	born    time.Time
	checks  []check
	started atomic.Bool

	// refreshing is held while the checks run; only its holder stores last.
	refreshing sync.Mutex
	last       atomic.Pointer[snapshot] // nil before the first probe
}

// New returns a registry without checks. Uptime counts from now on. The clock
// may be coarse: it is read for every probe and needs no more than the
// precision of the refresh interval.
func New(w Workers, now func() time.Time) *Registry {
	return &Registry{workers: w, now: now, born: now()}
}

// Add adds a check under a name that is shown to everybody. All checks are added
// before the first probe. A check returns nil when all is well, must be cheap,
// must not block and is never called twice at a time; its error is shown on the
// admin port only, and a panic counts as failing. A name that is taken or a Kind
// that does not exist is a mistake of the program, and panics.
func (r *Registry) Add(name string, kind Kind, run func() error) {
	if kind < Startup || kind > Advisory {
		panic(fmt.Sprintf("health: check %q has the unknown kind %v", name, kind))
	}
	for _, c := range r.checks {
		if c.name == name {
			panic(fmt.Sprintf("health: two checks are named %q", name))
		}
	}
	r.checks = append(r.checks, check{name: name, kind: kind, run: run})
}

// SetStarted says that start is complete: until then the process is neither
// started nor ready. Calling it again changes nothing.
func (r *Registry) SetStarted() { r.started.Store(true) }

// Live answers /api/health and the liveness probe. It is not ok, and its status
// "down", when no worker runs (unless they have gone because of a shutdown) or a
// liveness check fails. Otherwise it is "ok" when everything is as it should be
// and "degraded" when not: a worker is missing, a check of any kind fails, start is
// not complete, or shutdown has begun. The body is shared and must not be
// changed.
func (r *Registry) Live() (body []byte, ok bool) {
	s := r.current()
	return s.live, s.alive
}

// Ready answers the readiness probe: ok when start is complete, shutdown has not
// begun and no readiness check fails. The body is shared and must not be
// changed.
func (r *Registry) Ready() (body []byte, ok bool) {
	s := r.current()
	return s.ready, s.isReady
}

// Startup answers the startup probe: ok when start is complete and no startup
// check fails. The body is shared and must not be changed.
func (r *Registry) Startup() (body []byte, ok bool) {
	s := r.current()
	return s.startup, s.isStarted
}

// Detail returns what the admin port shows as JSON: all that the probes know,
// with the texts of the errors. Treat it as read only.
func (r *Registry) Detail() any { return r.current().detail() }

// current returns a snapshot of the present state whose checks are at most
// refreshAfter old, or are being asked by someone else at this moment. It waits
// for nobody but at the very first probe.
func (r *Registry) current() *snapshot {
	at, last := r.now(), r.last.Load()
	state := r.state()
	if last.fresh(state, at) {
		return last
	}
	if last == nil {
		r.refreshing.Lock()
	} else if !r.refreshing.TryLock() {
		if last.state == state {
			return last
		}
		return r.render(state, at, last.answers) // the state can't wait for the checks
	}
	defer r.refreshing.Unlock()
	if last = r.last.Load(); last.fresh(state, at) {
		return last // someone was faster
	}
	answers := make([]error, len(r.checks))
	for i, c := range r.checks {
		answers[i] = c.ask()
	}
	s := r.render(state, at, answers)
	r.last.Store(s)
	return s
}

func (r *Registry) state() state {
	running, total := r.workers.Workers()
	return state{running: running, total: total, draining: r.workers.Draining(), started: r.started.Load()}
}

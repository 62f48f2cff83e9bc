package health

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// refreshAfter is the maximum age of cached check results.
const refreshAfter = 100 * time.Millisecond

// Workers reports the state of the cluster. Both methods are called for every
// probe, concurrently, and must be about as cheap as an atomic load.
type Workers interface {
	// Workers returns the number of running workers and the target number.
	Workers() (running, total int)
	// Draining reports whether shutdown has begun.
	Draining() bool
}

// Registry holds the checks and renders the probe responses.
type Registry struct {
	workers   Workers
	now       func() time.Time
	startedAt time.Time
	checks    []check
	started   atomic.Bool

	// refreshing is held while the checks run; only its holder stores cached.
	refreshing sync.Mutex
	cached     atomic.Pointer[snapshot] // nil before the first probe
}

// New returns a registry without checks. Uptime starts now. now is called for
// every probe; a coarse clock is fine, because it only has to resolve the
// refresh interval.
func New(w Workers, now func() time.Time) *Registry {
	return &Registry{workers: w, now: now, startedAt: now()}
}

// Add registers a check. The name is public. run returns nil on success, must be
// cheap, must not block and is never called concurrently with itself; its error
// is shown on the admin port only, and a panic counts as a failure. Add panics on
// a duplicate name or an unknown kind. It must not be called after the first
// probe.
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

// SetStarted marks startup as complete. Until then the process is neither
// started nor ready. Further calls have no effect.
func (r *Registry) SetStarted() { r.started.Store(true) }

// Live returns the response of /api/health and of the liveness probe. ok is
// false, with the status "down", when a liveness check fails or when no worker
// runs before shutdown has begun. Otherwise the status is "ok", or "degraded" if a
// worker is missing, any check fails, startup is incomplete or shutdown has begun.
// The body is shared and must not be modified.
func (r *Registry) Live() (body []byte, ok bool) {
	s := r.current()
	return s.live, s.alive
}

// Ready returns the response of the readiness probe. ok is true when startup is
// complete, shutdown has not begun and every readiness check passes. The body is
// shared and must not be modified.
func (r *Registry) Ready() (body []byte, ok bool) {
	s := r.current()
	return s.ready, s.isReady
}

// Startup returns the response of the startup probe. ok is true when startup is
// complete and every startup check passes. The body is shared and must not be
// modified.
func (r *Registry) Startup() (body []byte, ok bool) {
	s := r.current()
	return s.startup, s.isStarted
}

// Detail returns the JSON document of the admin port: the state of all probes
// with the texts of the errors. The result must not be modified.
func (r *Registry) Detail() any { return r.current().detail() }

// current returns a snapshot of the current state. Its check results are at most
// refreshAfter old, unless another probe is refreshing them right now. Only the
// very first probes wait for a refresh.
func (r *Registry) current() *snapshot {
	at, last := r.now(), r.cached.Load()
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
		return r.render(state, at, last.results) // show the new state now; the checks are still running
	}
	defer r.refreshing.Unlock()
	if last = r.cached.Load(); last.fresh(state, at) {
		return last // another probe has just refreshed it
	}
	answers := make([]error, len(r.checks))
	for i, c := range r.checks {
		answers[i] = c.result()
	}
	s := r.render(state, at, answers)
	r.cached.Store(s)
	return s
}

func (r *Registry) state() state {
	running, total := r.workers.Workers()
	return state{running: running, total: total, draining: r.workers.Draining(), started: r.started.Load()}
}

package live

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"
)

// Limits bound the sessions of a process. Zero is no limit.
type Limits struct {
	// UpgradeRate is how many sessions may start per second. It is also the
	// burst: as many may start at once.
	UpgradeRate int
	// Sockets is the number of sessions in total, PerAddress that of one client
	// address, PerKey that of one API key.
	Sockets, PerAddress, PerKey int
}

// The reasons for refusing a session: the values of the metric label "reason".
const (
	refusedRate     = "rate"
	refusedProcess  = "process"
	refusedAddress  = "address"
	refusedKey      = "key"
	refusedMemory   = "memory"
	refusedDraining = "draining"
)

var refusalReasons = []string{refusedRate, refusedProcess, refusedAddress, refusedKey, refusedMemory, refusedDraining}

// Refusal is the error of a session that may not start now.
type Refusal struct {
	// Busy means that the process is at its limit; otherwise the client is.
	Busy bool
	// RetryAfter is when the client should try again, in seconds.
	RetryAfter int
	detail     string
}

func (r *Refusal) Error() string { return r.detail }

// HTTPStatus returns the status of the response to a refused request and its
// Retry-After in seconds.
func (r *Refusal) HTTPStatus() (status, retryAfter int) {
	if r.Busy {
		return fasthttp.StatusServiceUnavailable, r.RetryAfter
	}
	return fasthttp.StatusTooManyRequests, r.RetryAfter
}

var refusals = map[string]*Refusal{
	refusedRate:     {Busy: true, RetryAfter: 1, detail: "too many sessions are starting"},
	refusedProcess:  {Busy: true, RetryAfter: 5, detail: "too many sessions"},
	refusedAddress:  {RetryAfter: 5, detail: "too many sessions from this address"},
	refusedKey:      {RetryAfter: 5, detail: "too many sessions with this key"},
	refusedMemory:   {Busy: true, RetryAfter: 5, detail: "the sessions hold too much memory"},
	refusedDraining: {Busy: true, RetryAfter: 1, detail: "the server is going away"},
}

// admission enforces the Limits.
type admission struct {
	limits   Limits
	memory   *eventloop.Memory // nil without clients
	upgrades *rate.Limiter     // nil without a limit
	now      func() time.Time
	refused  map[string]*atomic.Uint64 // by reason; the map is read-only

	mu        sync.Mutex
	sessions  int
	byAddress map[netip.Addr]int
	byKey     map[string]int
}

func (a *admission) init(l Limits) {
	a.limits, a.now = l, time.Now
	if l.UpgradeRate > 0 {
		a.upgrades = rate.NewLimiter(rate.Limit(l.UpgradeRate), l.UpgradeRate)
	}
	a.byAddress, a.byKey = map[netip.Addr]int{}, map[string]int{}
	a.refused = map[string]*atomic.Uint64{}
	for _, reason := range refusalReasons {
		a.refused[reason] = new(atomic.Uint64)
	}
}

// minSessionBytes is what an idle session holds at the most.
const minSessionBytes = 4 << 10

// boundBy makes the limits fit into memory. The sessions of one address get half of
// it, so that others can still start some.
func (a *admission) boundBy(m *eventloop.Memory) {
	a.memory = m
	if share := int(m.Limit() / 2 / minSessionBytes); share > 0 && (a.limits.PerAddress == 0 || a.limits.PerAddress > share) {
		a.limits.PerAddress = share
	}
}

// admit returns nil if a session of the caller may start. It holds no place for
// the session, because a handshake may fail without notice: see acquire.
func (s *Server) admit(caller Caller) *Refusal {
	if s.conn.Draining() {
		return s.admission.refuse(refusedDraining)
	}
	if refusal := s.admission.checkCapacity(caller.Addr, caller.Principal.Name); refusal != nil {
		return refusal
	}
	return s.admission.allowUpgrade()
}

// refuse counts and returns a refusal.
func (a *admission) refuse(reason string) *Refusal {
	a.refused[reason].Add(1)
	return refusals[reason]
}

// allowUpgrade applies the rate limit to the start of a session.
func (a *admission) allowUpgrade() *Refusal {
	if a.upgrades != nil && !a.upgrades.AllowN(a.now(), 1) {
		return a.refuse(refusedRate)
	}
	return nil
}

// checkCapacity reports whether another session fits in now. A session that it
// allows may still be refused by acquire.
func (a *admission) checkCapacity(address netip.Addr, key string) *Refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.checkCapacityLocked(access.ClientNetwork(address), key)
}

func (a *admission) checkCapacityLocked(address netip.Addr, key string) *Refusal {
	switch l := a.limits; {
	case a.memory != nil && a.memory.Full():
		return a.refuse(refusedMemory)
	case l.Sockets > 0 && a.sessions >= l.Sockets:
		return a.refuse(refusedProcess)
	case l.PerAddress > 0 && a.byAddress[address] >= l.PerAddress:
		return a.refuse(refusedAddress)
	case key != "" && l.PerKey > 0 && a.byKey[key] >= l.PerKey:
		return a.refuse(refusedKey)
	}
	return nil
}

// lease counts one session against the limits until it is released.
type lease struct {
	admission *admission
	address   netip.Addr
	key       string // guarded by admission.mu, as is released
	released  bool
}

// acquire counts a session that has started. key is "" without a key.
func (a *admission) acquire(address netip.Addr, key string) (*lease, *Refusal) {
	address = access.ClientNetwork(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	if refusal := a.checkCapacityLocked(address, key); refusal != nil {
		return nil, refusal
	}
	a.sessions++
	a.byAddress[address]++
	if key != "" {
		a.byKey[key]++
	}
	return &lease{admission: a, address: address, key: key}, nil
}

// setKey counts the session for another key than so far, "" for none.
func (l *lease) setKey(key string) *Refusal {
	a := l.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.released || key == l.key {
		return nil
	}
	if limit := a.limits.PerKey; key != "" && limit > 0 && a.byKey[key] >= limit {
		return a.refuse(refusedKey)
	}
	if l.key != "" {
		decrement(a.byKey, l.key)
	}
	if l.key = key; key != "" {
		a.byKey[key]++
	}
	return nil
}

// Release ends the lease. Calls after the first do nothing.
func (l *lease) Release() {
	a := l.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.released {
		return
	}
	l.released = true
	a.sessions--
	decrement(a.byAddress, l.address)
	if l.key != "" {
		decrement(a.byKey, l.key)
	}
}

// decrement removes the count when it reaches zero, to keep the map small.
func decrement[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] <= 0 {
		delete(counts, key)
	}
}

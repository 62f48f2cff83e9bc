package live

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound the sessions of a process. Zero is no bound.
type Limits struct {
	// UpgradeRate is how many sessions may begin in a second, and at once.
	UpgradeRate int
	// Sockets is how many there may be in all, PerAddress of one client
	// address, PerKey of one API key.
	Sockets, PerAddress, PerKey int
}

// The reasons for which a session is refused, as metrics show them.
const (
	refusedRate     = "rate"
	refusedProcess  = "process"
	refusedAddress  = "address"
	refusedKey      = "key"
	refusedDraining = "draining"
)

var refusalReasons = []string{refusedRate, refusedProcess, refusedAddress, refusedKey, refusedDraining}

// Refusal says why there is no session for now.
type Refusal struct {
	// Busy says that it is the process that has no room for more; otherwise
	// the client has too many.
	Busy bool
	// RetryAfter is when to try again, in seconds.
	RetryAfter int
	reason     string
	detail     string
}

func (r *Refusal) Error() string { return r.detail }

var refusals = map[string]*Refusal{
	refusedRate:     {Busy: true, RetryAfter: 1, reason: refusedRate, detail: "too many sessions begin at once"},
	refusedProcess:  {Busy: true, RetryAfter: 5, reason: refusedProcess, detail: "too many sessions"},
	refusedAddress:  {RetryAfter: 5, reason: refusedAddress, detail: "too many sessions from this address"},
	refusedKey:      {RetryAfter: 5, reason: refusedKey, detail: "too many sessions with this key"},
	refusedDraining: {Busy: true, RetryAfter: 1, reason: refusedDraining, detail: "the server is going away"},
}

// door lets sessions in.
type admission struct {
	limits       Limits
	refusedTotal map[string]*atomic.Uint64 // by reason; the map does not change

	mu        sync.Mutex
	sessions  int
	byAddress map[netip.Addr]int
	byKey     map[string]int
	tokens    float64
	filled    time.Time
}

func (d *admission) init(l Limits) {
	d.limits, d.tokens, d.filled = l, float64(l.UpgradeRate), time.Now()
	d.byAddress, d.byKey = map[netip.Addr]int{}, map[string]int{}
	d.refusedTotal = map[string]*atomic.Uint64{}
	for _, reason := range refusalReasons {
		d.refusedTotal[reason] = new(atomic.Uint64)
	}
}

func (d *admission) refuse(reason string) *Refusal {
	d.refusedTotal[reason].Add(1)
	return refusals[reason]
}

// knock counts the beginning of a session, or refuses it.
func (d *admission) allowUpgrade() *Refusal {
	if d.limits.UpgradeRate <= 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	rate := float64(d.limits.UpgradeRate)
	d.tokens = min(rate, d.tokens+rate*now.Sub(d.filled).Seconds())
	d.filled = now
	if d.tokens < 1 {
		return d.refuse(refusedRate)
	}
	d.tokens--
	return nil
}

// ticket is a session's place. It is given back once by release.
type lease struct {
	admission *admission
	address   netip.Addr
	key       string
	once      sync.Once
}

// peek says whether there is a place for a session; it takes none. What is let
// in by it may find the place gone.
func (d *admission) checkCapacity(address netip.Addr, key string) *Refusal {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.checkCapacityLocked(canonicalAddr(address), key)
}

// enter takes a place for a session that has begun.
func (d *admission) acquire(address netip.Addr, key string) (*lease, *Refusal) {
	address = canonicalAddr(address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if refusal := d.checkCapacityLocked(address, key); refusal != nil {
		return nil, refusal
	}
	d.sessions++
	d.byAddress[address]++
	if key != "" {
		d.byKey[key]++
	}
	return &lease{admission: d, address: address, key: key}, nil
}

func (d *admission) checkCapacityLocked(address netip.Addr, key string) *Refusal {
	switch l := d.limits; {
	case l.Sockets > 0 && d.sessions >= l.Sockets:
		return d.refuse(refusedProcess)
	case l.PerAddress > 0 && d.byAddress[address] >= l.PerAddress:
		return d.refuse(refusedAddress)
	case key != "" && l.PerKey > 0 && d.byKey[key] >= l.PerKey:
		return d.refuse(refusedKey)
	}
	return nil
}

func canonicalAddr(address netip.Addr) netip.Addr { return address.WithZone("").Unmap() }

func (d *admission) releaseKeyLocked(key string) {
	if key == "" {
		return
	}
	if d.byKey[key]--; d.byKey[key] <= 0 {
		delete(d.byKey, key)
	}
}

func (t *lease) release() {
	t.once.Do(func() {
		d := t.admission
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sessions--
		if d.byAddress[t.address]--; d.byAddress[t.address] <= 0 {
			delete(d.byAddress, t.address)
		}
		d.releaseKeyLocked(t.key)
	})
}

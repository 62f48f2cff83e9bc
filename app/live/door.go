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
	overRate     = "rate"
	overTotal    = "process"
	overAddress  = "address"
	overKey      = "key"
	whileLeaving = "draining"
)

var refusalReasons = []string{overRate, overTotal, overAddress, overKey, whileLeaving}

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
	overRate:     {Busy: true, RetryAfter: 1, reason: overRate, detail: "too many sessions begin at once"},
	overTotal:    {Busy: true, RetryAfter: 5, reason: overTotal, detail: "too many sessions"},
	overAddress:  {RetryAfter: 5, reason: overAddress, detail: "too many sessions from this address"},
	overKey:      {RetryAfter: 5, reason: overKey, detail: "too many sessions with this key"},
	whileLeaving: {Busy: true, RetryAfter: 1, reason: whileLeaving, detail: "the server is going away"},
}

// door lets sessions in.
type door struct {
	limits  Limits
	refused map[string]*atomic.Uint64 // by reason; the map does not change

	mu        sync.Mutex
	total     int
	byAddress map[netip.Addr]int
	byKey     map[string]int
	tokens    float64
	filled    time.Time
}

func (d *door) init(l Limits) {
	d.limits, d.tokens, d.filled = l, float64(l.UpgradeRate), time.Now()
	d.byAddress, d.byKey = map[netip.Addr]int{}, map[string]int{}
	d.refused = map[string]*atomic.Uint64{}
	for _, reason := range refusalReasons {
		d.refused[reason] = new(atomic.Uint64)
	}
}

func (d *door) refuse(reason string) *Refusal {
	d.refused[reason].Add(1)
	return refusals[reason]
}

// knock counts the beginning of a session, or refuses it.
func (d *door) knock() *Refusal {
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
		return d.refuse(overRate)
	}
	d.tokens--
	return nil
}

// ticket is a session's place. It is given back once by release.
type ticket struct {
	door    *door
	address netip.Addr
	key     string
	once    sync.Once
}

// peek says whether there is a place for a session; it takes none. What is let
// in by it may find the place gone.
func (d *door) peek(address netip.Addr, key string) *Refusal {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fullLocked(plain(address), key)
}

// enter takes a place for a session that has begun.
func (d *door) enter(address netip.Addr, key string) (*ticket, *Refusal) {
	address = plain(address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if refusal := d.fullLocked(address, key); refusal != nil {
		return nil, refusal
	}
	d.total++
	d.byAddress[address]++
	if key != "" {
		d.byKey[key]++
	}
	return &ticket{door: d, address: address, key: key}, nil
}

func (d *door) fullLocked(address netip.Addr, key string) *Refusal {
	switch l := d.limits; {
	case l.Sockets > 0 && d.total >= l.Sockets:
		return d.refuse(overTotal)
	case l.PerAddress > 0 && d.byAddress[address] >= l.PerAddress:
		return d.refuse(overAddress)
	case key != "" && l.PerKey > 0 && d.byKey[key] >= l.PerKey:
		return d.refuse(overKey)
	}
	return nil
}

func plain(address netip.Addr) netip.Addr { return address.WithZone("").Unmap() }

func (d *door) leaveKey(key string) {
	if key == "" {
		return
	}
	if d.byKey[key]--; d.byKey[key] <= 0 {
		delete(d.byKey, key)
	}
}

func (t *ticket) release() {
	t.once.Do(func() {
		d := t.door
		d.mu.Lock()
		defer d.mu.Unlock()
		d.total--
		if d.byAddress[t.address]--; d.byAddress[t.address] <= 0 {
			delete(d.byAddress, t.address)
		}
		d.leaveKey(t.key)
	})
}

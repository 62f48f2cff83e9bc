package eventloop

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// connCost is what a connection holds while idle, with the objects of its
	// handler.
	connCost = 2 << 10
	// goroutineCost is what a goroutine of the pool holds: its stack and the
	// buffer that it reads into.
	goroutineCost = 12 << 10
	// evictionPause is the shortest time between two evictions. Evicted sessions
	// need a moment to release what they hold.
	evictionPause = 20 * time.Millisecond
)

// excessiveShare is the part of the limit that a session may hold in any case.
const excessiveShare = 128

// evictableBytes is what a session may hold without ever being evicted: more than
// an idle one needs.
const evictableBytes = 8 << 10

// ItemCost is what a queued message costs besides its data: its place in the
// queue, which grows by doubling, and the structs of the message.
const ItemCost = 160

// Memory adds up what all sessions of a loop hold. Beyond its limit the sessions
// that hold most are evicted. Everything that a client can make the server hold
// is charged to an Account.
type Memory struct {
	limit   int64 // 0: no limit
	onEvict func(sessions int, used int64)
	used    atomic.Int64
	evicted atomic.Uint64
	wake    chan struct{} // capacity 1

	mu   sync.Mutex
	list Account     // ring of the open accounts; list itself is none
	over []Evictable // above their own limits
	// counted sessions have been evicted by whoever added to them.
	counted int
}

// Evictable is a session that can be closed to release what it holds. Evict is
// called at most once, without locks, and must not block.
type Evictable interface{ Evict() }

// Account is what one session holds. The zero Account charges nothing until Open.
type Account struct {
	memory *Memory
	owner  Evictable // guarded by Memory.mu; nil once it is being evicted
	used   atomic.Int64
	limit  atomic.Int32 // 0: none but the Memory's
	closed atomic.Bool

	// Guarded by Memory.mu.
	prev, next *Account
	base       int64
}

// Shared counts the sessions that hold one message, which costs its data once.
type Shared struct {
	Size    int32 // of the data
	holders atomic.Int32
}

func newMemory(limit int64, onEvict func(int, int64)) *Memory {
	m := &Memory{limit: limit, onEvict: onEvict, wake: make(chan struct{}, 1)}
	m.list.prev, m.list.next = &m.list, &m.list
	return m
}

// Used returns the bytes that are held. Full reports whether that is over the limit.
func (m *Memory) Used() int64 { return m.used.Load() }

// Full reports whether the sessions hold more than the limit.
func (m *Memory) Full() bool { return m.limit > 0 && m.used.Load() > m.limit }

// Limit returns the limit in bytes; 0 is none.
func (m *Memory) Limit() int64 { return m.limit }

// add changes the total.
func (m *Memory) add(n int64) {
	if used := m.used.Add(n); n > 0 && m.limit > 0 && used > m.limit {
		m.signal()
	}
}

func (m *Memory) signal() {
	select {
	case m.wake <- struct{}{}:
	default: // an eviction is due already
	}
}

// Open registers the account of a session that holds base bytes until Close.
func (a *Account) Open(m *Memory, owner Evictable, base int) {
	a.memory, a.owner = m, owner
	a.Charge(base)
	m.mu.Lock()
	defer m.mu.Unlock()
	a.base = int64(base)
	a.prev, a.next = m.list.prev, &m.list
	a.prev.next, a.next.prev = a, a
}

// Close ends the account. What is still charged has to be released nevertheless;
// until then nobody else is evicted for it. Calls after the first do nothing.
func (a *Account) Close() {
	m := a.memory
	if m == nil {
		return
	}
	m.mu.Lock()
	base := a.base
	a.base, a.owner = 0, nil
	m.mu.Unlock()
	a.closed.Store(true)
	a.Charge(-int(base))
}

// unlink removes a closed account that holds nothing.
func (a *Account) unlink() {
	a.memory.mu.Lock()
	defer a.memory.mu.Unlock()
	if a.next != nil {
		a.prev.next, a.next.prev = a.next, a.prev
		a.prev, a.next = nil, nil
	}
}

// Charge adds n bytes to what the session holds, or releases them if n is
// negative. A nil Account is charged nothing. It does not block; an eviction that it causes follows soon.
func (a *Account) Charge(n int) {
	if a == nil || a.memory == nil || n == 0 {
		return
	}
	a.memory.add(int64(n))
	a.count(n)
}

// count changes what the account holds, without the total.
func (a *Account) count(n int) {
	used, limit := a.used.Add(int64(n)), int64(a.limit.Load())
	if n < 0 && used <= 0 && a.closed.Load() {
		a.unlink()
	}
	if n > 0 && limit > 0 && used > limit {
		m := a.memory
		m.mu.Lock()
		if a.owner != nil && a.next != nil {
			m.over = append(m.over, a.takeOwnerLocked())
		}
		m.mu.Unlock()
		m.signal()
	}
}

// Hold charges a queued message. Its data is added to the total once, however
// many sessions hold it. A nil message, whose size is n, is not shared.
func (a *Account) Hold(s *Shared, n int) {
	if a.memory == nil {
		return
	}
	a.count(n + ItemCost)
	if s == nil {
		a.memory.add(int64(n) + ItemCost)
		return
	}
	total := int64(ItemCost)
	if s.holders.Add(1) == 1 {
		total += int64(s.Size)
	}
	a.memory.add(total)
}

// Drop reverses Hold.
func (a *Account) Drop(s *Shared, n int) {
	if a.memory == nil {
		return
	}
	a.count(-n - ItemCost)
	if s == nil {
		a.memory.add(-int64(n) - ItemCost)
		return
	}
	total := int64(ItemCost)
	if s.holders.Add(-1) == 0 {
		total += int64(s.Size)
	}
	a.memory.add(-total)
}

// takeOwnerLocked marks the account as being evicted.
func (a *Account) takeOwnerLocked() Evictable {
	owner := a.owner
	a.owner = nil
	return owner
}

// Excessive reports whether the sessions hold more than the limit and this one far
// more than its share. Whoever adds to its queue then closes it at once: under a
// flood the goroutine that evicts may run too late.
func (a *Account) Excessive() bool {
	return a.memory != nil && a.memory.Full() && a.used.Load() > a.memory.limit/excessiveShare
}

// MarkEvicted records that the caller has closed the session for what it holds.
func (a *Account) MarkEvicted() {
	m := a.memory
	m.mu.Lock()
	if a.owner == nil {
		m.mu.Unlock()
		return
	}
	a.takeOwnerLocked()
	m.counted++
	m.mu.Unlock()
	m.signal()
}

// SetLimit bounds what this session may hold, below 2 GiB; with more it is evicted.
// 0 removes the bound.
func (a *Account) SetLimit(n int) { a.limit.Store(int32(n)) }

// Used returns the bytes that the session holds.
func (a *Account) Used() int64 { return a.used.Load() }

// run evicts sessions when that is due, until stopped is closed.
func (m *Memory) run(stopped <-chan struct{}) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-m.wake:
		case <-stopped:
			return
		}
		select {
		case <-pause.C:
		case <-stopped:
			return
		}
		m.evict()
		pause.Reset(evictionPause)
	}
}

// evict closes the sessions above their own limits and, if the total is over the
// limit, those that hold most, until an eighth is free.
func (m *Memory) evict() {
	m.mu.Lock()
	victims, counted := m.over, m.counted
	m.over, m.counted = nil, 0
	if used := m.used.Load(); m.limit > 0 && used > m.limit {
		victims = append(victims, m.largestLocked(used-m.limit/8*7)...)
	}
	m.mu.Unlock()
	for _, owner := range victims {
		owner.Evict()
	}
	if n := len(victims) + counted; n > 0 {
		m.evicted.Add(uint64(n)) //nolint:gosec // not negative
		m.onEvict(n, m.used.Load())
	}
}

// largestLocked marks and returns the sessions that hold most, and together excess
// bytes. What evicted sessions have yet to release counts.
func (m *Memory) largestLocked(excess int64) (victims []Evictable) {
	type holding struct {
		account *Account
		used    int64
	}
	var all []holding
	for a := m.list.next; a != &m.list; a = a.next {
		switch used := a.used.Load(); {
		case a.owner == nil:
			excess -= used
		case used > evictableBytes:
			all = append(all, holding{a, used})
		}
	}
	if excess <= 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b holding) int { return cmp.Compare(b.used, a.used) })
	for _, h := range all {
		if excess <= 0 {
			break
		}
		victims = append(victims, h.account.takeOwnerLocked())
		excess -= h.used
	}
	return victims
}

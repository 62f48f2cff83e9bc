package hubtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"smart-factory-backend/app/live/hub"
)

// Bus is a Network of MemoryBrokers, for tests that run several hubs in one
// process. The zero value is connected.
type Bus struct {
	mu      sync.Mutex
	err     error // nil while connected
	brokers []*MemoryBroker
}

var errDisconnected = errors.New("hubtest: the bus is disconnected")

// Open is described at Network.
func (b *Bus) Open(*testing.T) hub.Broker { return b.NewBroker() }

// NewBroker returns a new broker on the bus.
func (b *Bus) NewBroker() *MemoryBroker {
	return &MemoryBroker{bus: b, rooms: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Disconnect is described at Network.
func (b *Bus) Disconnect(*testing.T) { b.setState(errDisconnected) }

// Reconnect is described at Network.
func (b *Bus) Reconnect(*testing.T) { b.setState(nil) }

func (b *Bus) setState(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	for _, m := range b.brokers {
		m.interest = nil
		m.enqueueLocked(func(l hub.Listener) { l.OnState(err) })
	}
	b.updateInterestLocked()
}

// updateInterestLocked reports to each broker which rooms others have become
// interested in, or no longer are.
func (b *Bus) updateInterestLocked() {
	if b.err != nil {
		return
	}
	for _, m := range b.brokers {
		before := m.interest
		m.interest = map[string]bool{}
		for _, other := range b.brokers {
			if other != m {
				maps.Copy(m.interest, other.rooms)
			}
		}
		for room := range m.interest {
			if !before[room] {
				m.enqueueLocked(func(l hub.Listener) { l.OnInterest(room, true) })
			}
		}
		for room := range before {
			if !m.interest[room] {
				m.enqueueLocked(func(l hub.Listener) { l.OnInterest(room, false) })
			}
		}
	}
}

// MemoryBroker is a hub.Broker on a Bus. It delivers every message that is
// published while the bus is connected.
type MemoryBroker struct {
	bus  *Bus
	wake chan struct{} // capacity 1: calls is not empty

	// The bus's mutex guards these.
	started  bool
	rooms    map[string]bool // subscribed
	interest map[string]bool // rooms of the other brokers, as reported
	calls    []func(hub.Listener)
}

// Run is described at hub.Broker.
func (m *MemoryBroker) Run(ctx context.Context, l hub.Listener) error {
	if !m.attach() {
		return hub.ErrRunning
	}
	defer m.detach()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.wake:
		}
		m.bus.mu.Lock()
		calls := m.calls
		m.calls = nil
		m.bus.mu.Unlock()
		for _, call := range calls {
			call(l)
		}
	}
}

// attach adds the broker to the bus. It returns false if Run was called before.
func (m *MemoryBroker) attach() bool {
	b := m.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.started {
		return false
	}
	m.started = true
	b.brokers = append(b.brokers, m)
	err := b.err
	m.enqueueLocked(func(l hub.Listener) { l.OnState(err) })
	b.updateInterestLocked()
	return true
}

func (m *MemoryBroker) detach() {
	b := m.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	b.brokers = slices.DeleteFunc(b.brokers, func(other *MemoryBroker) bool { return other == m })
	b.updateInterestLocked()
}

func (m *MemoryBroker) enqueueLocked(call func(hub.Listener)) {
	m.calls = append(m.calls, call)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Publish is described at hub.Broker.
func (m *MemoryBroker) Publish(room string, message []byte) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	if m.bus.err != nil || !slices.Contains(m.bus.brokers, m) {
		return
	}
	for _, other := range m.bus.brokers {
		if other != m && other.rooms[room] {
			other.enqueueLocked(func(l hub.Listener) { l.OnMessage(room, message) })
		}
	}
}

// Subscribe is described at hub.Broker.
func (m *MemoryBroker) Subscribe(room string) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	m.rooms[room] = true
	m.bus.updateInterestLocked()
}

// Unsubscribe is described at hub.Broker.
func (m *MemoryBroker) Unsubscribe(room string) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	delete(m.rooms, room)
	m.bus.updateInterestLocked()
}

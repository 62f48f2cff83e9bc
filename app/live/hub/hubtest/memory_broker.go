package hubtest

import (
	"context"
	"errors"
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
		m.reportStateLocked()
	}
}

// MemoryBroker is a hub.Broker on a Bus. It delivers every message that is
// published while the bus is connected.
type MemoryBroker struct {
	bus  *Bus
	wake chan struct{} // capacity 1: calls is not empty

	// The bus's mutex guards these.
	started bool
	rooms   map[string]bool
	calls   []func(hub.Listener)
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
	m.reportStateLocked()
	for room := range m.rooms {
		m.reportInterestLocked(room)
	}
	return true
}

func (m *MemoryBroker) detach() {
	b := m.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	b.brokers = slices.DeleteFunc(b.brokers, func(other *MemoryBroker) bool { return other == m })
	for room := range m.rooms {
		m.reportInterestLocked(room)
	}
}

func (m *MemoryBroker) enqueueLocked(call func(hub.Listener)) {
	m.calls = append(m.calls, call)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// reportStateLocked reports the state of the bus and, while it is connected, the
// rooms of the other brokers.
func (m *MemoryBroker) reportStateLocked() {
	err := m.bus.err
	m.enqueueLocked(func(l hub.Listener) { l.OnState(err) })
	if err != nil {
		return
	}
	for _, other := range m.othersLocked() {
		for room := range other.rooms {
			m.enqueueLocked(func(l hub.Listener) { l.OnInterest(room, true) })
		}
	}
}

// reportInterestLocked reports to the other brokers whether any broker but
// themselves has subscribed to a room.
func (m *MemoryBroker) reportInterestLocked(room string) {
	if m.bus.err != nil {
		return
	}
	for _, other := range m.othersLocked() {
		interested := slices.ContainsFunc(other.othersLocked(), func(b *MemoryBroker) bool { return b.rooms[room] })
		other.enqueueLocked(func(l hub.Listener) { l.OnInterest(room, interested) })
	}
}

// othersLocked returns the running brokers but m.
func (m *MemoryBroker) othersLocked() []*MemoryBroker {
	return slices.DeleteFunc(slices.Clone(m.bus.brokers), func(b *MemoryBroker) bool { return b == m })
}

// Publish is described at hub.Broker.
func (m *MemoryBroker) Publish(room string, message []byte) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	if m.bus.err != nil || !slices.Contains(m.bus.brokers, m) {
		return
	}
	for _, other := range m.othersLocked() {
		if other.rooms[room] {
			other.enqueueLocked(func(l hub.Listener) { l.OnMessage(room, message) })
		}
	}
}

// Subscribe is described at hub.Broker.
func (m *MemoryBroker) Subscribe(room string) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	m.rooms[room] = true
	m.reportInterestLocked(room)
}

// Unsubscribe is described at hub.Broker.
func (m *MemoryBroker) Unsubscribe(room string) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	delete(m.rooms, room)
	m.reportInterestLocked(room)
}

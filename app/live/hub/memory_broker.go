package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Bus connects the MemoryBrokers of one process, for tests and for programs that
// run several hubs.
type Bus struct {
	mu      sync.Mutex
	err     error // nil while connected
	brokers []*MemoryBroker
}

// NewBus returns a bus without brokers.
func NewBus() *Bus { return &Bus{} }

// ErrDisconnected is the state of the brokers of a disconnected bus.
var ErrDisconnected = errors.New("hub: the bus is disconnected")

// Open returns a new broker on the bus.
func (b *Bus) Open() *MemoryBroker {
	return &MemoryBroker{bus: b, rooms: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Disconnect ends the connections of all brokers until Reconnect.
func (b *Bus) Disconnect() { b.setState(ErrDisconnected) }

// Reconnect connects all brokers again.
func (b *Bus) Reconnect() { b.setState(nil) }

func (b *Bus) setState(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	for _, m := range b.brokers {
		m.dropMessagesLocked()
		m.enqueueLocked(notification{state: true, err: err})
	}
	if err == nil {
		for _, m := range b.brokers {
			b.sendInterestLocked(m)
		}
	}
}

// sendInterestLocked notifies a broker of the rooms of the others.
func (b *Bus) sendInterestLocked(m *MemoryBroker) {
	for _, other := range b.brokers {
		for room := range other.rooms {
			if other != m {
				m.enqueueLocked(notification{room: room, interest: true})
			}
		}
	}
}

// interestLocked reports whether a broker other than m has subscribed to a room.
func (b *Bus) interestLocked(m *MemoryBroker, room string) bool {
	return slices.ContainsFunc(b.brokers, func(other *MemoryBroker) bool { return other != m && other.rooms[room] })
}

// MemoryBroker is a Broker on a Bus. Bus.Open makes one.
type MemoryBroker struct {
	bus  *Bus
	wake chan struct{} // capacity 1: queue is not empty

	// The bus's mutex guards these.
	started, ended bool
	rooms          map[string]bool
	queue          []notification
}

// notification is a pending call of the listener.
type notification struct {
	room     string
	message  []byte // OnMessage, unless nil
	state    bool   // OnState with err
	err      error
	interest bool // OnInterest otherwise
}

// maxQueued bounds the messages that wait for the listener; later ones are
// dropped.
const maxQueued = 4096

// Run is described at Broker.
func (m *MemoryBroker) Run(ctx context.Context, l Listener) error {
	if !m.attach() {
		return ErrRunning
	}
	defer m.detach()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.wake:
		}
		for _, n := range m.dequeue() {
			n.deliver(l)
		}
	}
}

func (n notification) deliver(l Listener) {
	switch {
	case n.message != nil:
		l.OnMessage(n.room, n.message)
	case n.state:
		l.OnState(n.err)
	default:
		l.OnInterest(n.room, n.interest)
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
	m.enqueueLocked(notification{state: true, err: b.err})
	if b.err == nil {
		b.sendInterestLocked(m)
		for room := range m.rooms {
			m.notifyOthersLocked(notification{room: room, interest: true})
		}
	}
	return true
}

func (m *MemoryBroker) detach() {
	b := m.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	m.ended, m.queue = true, nil
	b.brokers = slices.DeleteFunc(b.brokers, func(other *MemoryBroker) bool { return other == m })
	for room := range m.rooms {
		m.withdrawLocked(room)
	}
}

// connectedLocked reports whether the broker runs on a connected bus.
func (m *MemoryBroker) connectedLocked() bool { return m.started && !m.ended && m.bus.err == nil }

func (m *MemoryBroker) dequeue() []notification {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	all := m.queue
	m.queue = nil
	return all
}

func (m *MemoryBroker) enqueueLocked(n notification) {
	m.queue = append(m.queue, n)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// dropMessagesLocked discards the queued messages, but no other notification.
func (m *MemoryBroker) dropMessagesLocked() {
	m.queue = slices.DeleteFunc(m.queue, func(n notification) bool { return n.message != nil })
}

func (m *MemoryBroker) notifyOthersLocked(n notification) {
	for _, other := range m.bus.brokers {
		if other != m {
			other.enqueueLocked(n)
		}
	}
}

// withdrawLocked notifies the brokers for which nobody else is subscribed to a
// room any longer.
func (m *MemoryBroker) withdrawLocked(room string) {
	for _, other := range m.bus.brokers {
		if other != m && !m.bus.interestLocked(other, room) {
			other.enqueueLocked(notification{room: room})
		}
	}
}

// Publish is described at Broker. An empty message is dropped.
func (m *MemoryBroker) Publish(room string, message []byte) {
	b := m.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if !m.connectedLocked() || len(message) == 0 {
		return
	}
	for _, other := range b.brokers {
		if other != m && other.rooms[room] && len(other.queue) < maxQueued {
			other.enqueueLocked(notification{room: room, message: message})
		}
	}
}

// Subscribe is described at Broker.
func (m *MemoryBroker) Subscribe(room string) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	m.rooms[room] = true
	if m.connectedLocked() {
		m.notifyOthersLocked(notification{room: room, interest: true})
	}
}

// Unsubscribe is described at Broker.
func (m *MemoryBroker) Unsubscribe(room string) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	delete(m.rooms, room)
	if m.connectedLocked() {
		m.withdrawLocked(room)
	}
}

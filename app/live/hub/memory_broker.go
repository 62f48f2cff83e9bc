package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Bus joins hubs within one process: several of them in a test, or parts of a
// program that run side by side.
type Bus struct {
	mu      sync.Mutex
	err     error
	brokers []*MemoryBroker
}

// NewBus returns a bus that nobody is at.
func NewBus() *Bus { return &Bus{} }

// ErrAway is the state of a port while its bus is cut.
var ErrDisconnected = errors.New("hub: the bus is cut")

// Open returns another place at the bus, a Broker.
func (b *Bus) Open() *MemoryBroker {
	return &MemoryBroker{bus: b, rooms: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Cut ends all connections until Mend.
func (b *Bus) Disconnect() { b.setState(ErrDisconnected) }

// Mend lets the ports connect again.
func (b *Bus) Reconnect() { b.setState(nil) }

func (b *Bus) setState(down error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = down
	for _, p := range b.brokers {
		p.dropMessagesLocked()
		p.enqueueLocked(notification{state: true, err: down})
	}
	if down == nil {
		for _, p := range b.brokers {
			b.sendInterestLocked(p)
		}
	}
}

// introduceLocked tells a port what the others want.
func (b *Bus) sendInterestLocked(p *MemoryBroker) {
	for _, other := range b.brokers {
		for room := range other.rooms {
			if other != p {
				p.enqueueLocked(notification{room: room, interest: true})
			}
		}
	}
}

// wantedLocked reports whether a port other than p has subscribed a room.
func (b *Bus) interestLocked(p *MemoryBroker, room string) bool {
	return slices.ContainsFunc(b.brokers, func(other *MemoryBroker) bool { return other != p && other.rooms[room] })
}

// Port is one place at a bus.
type MemoryBroker struct {
	bus  *Bus
	wake chan struct{}

	// Guarded by the bus.
	started, ended bool
	rooms          map[string]bool
	queue          []notification
}

// notice is one call of the listener that is due.
type notification struct {
	room     string
	message  []byte // nil for the others
	state    bool
	err      error
	interest bool
}

// mostWaiting bounds the messages that wait for a port.
const maxQueued = 4096

// Run delivers to l until ctx ends.
func (p *MemoryBroker) Run(ctx context.Context, l Listener) error {
	b := p.bus
	b.mu.Lock()
	if p.started {
		b.mu.Unlock()
		return ErrRunning
	}
	p.started = true
	b.brokers = append(b.brokers, p)
	p.enqueueLocked(notification{state: true, err: b.err})
	if b.err == nil {
		b.sendInterestLocked(p)
		for room := range p.rooms {
			p.notifyOthersLocked(notification{room: room, interest: true})
		}
	}
	b.mu.Unlock()
	defer p.detach()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		for _, n := range p.dequeue() {
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

func (p *MemoryBroker) detach() {
	b := p.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	p.ended, p.queue = true, nil
	b.brokers = slices.DeleteFunc(b.brokers, func(other *MemoryBroker) bool { return other == p })
	for room := range p.rooms {
		p.withdrawLocked(room)
	}
}

func (p *MemoryBroker) dequeue() []notification {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	all := p.queue
	p.queue = nil
	return all
}

func (p *MemoryBroker) enqueueLocked(n notification) {
	p.queue = append(p.queue, n)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// dropLocked forgets the messages that wait.
func (p *MemoryBroker) dropMessagesLocked() {
	p.queue = slices.DeleteFunc(p.queue, func(n notification) bool { return n.message != nil })
}

// spreadLocked pushes n to the other ports.
func (p *MemoryBroker) notifyOthersLocked(n notification) {
	for _, other := range p.bus.brokers {
		if other != p {
			other.enqueueLocked(n)
		}
	}
}

func (p *MemoryBroker) withdrawLocked(room string) {
	for _, other := range p.bus.brokers {
		if other != p && !p.bus.interestLocked(other, room) {
			other.enqueueLocked(notification{room: room})
		}
	}
}

// Publish sends a message to the ports that have subscribed the room.
func (p *MemoryBroker) Publish(room string, message []byte) {
	b := p.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || !p.started || p.ended || len(message) == 0 {
		return
	}
	for _, other := range b.brokers {
		if other != p && other.rooms[room] && len(other.queue) < maxQueued {
			other.enqueueLocked(notification{room: room, message: message})
		}
	}
}

// Subscribe asks for the messages of a room.
func (p *MemoryBroker) Subscribe(room string) {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	p.rooms[room] = true
	if p.started && !p.ended && p.bus.err == nil {
		p.notifyOthersLocked(notification{room: room, interest: true})
	}
}

// Unsubscribe ends what Subscribe began.
func (p *MemoryBroker) Unsubscribe(room string) {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	delete(p.rooms, room)
	if p.started && !p.ended && p.bus.err == nil {
		p.withdrawLocked(room)
	}
}

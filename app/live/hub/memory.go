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
	mu    sync.Mutex
	down  error
	ports []*Port
}

// NewBus returns a bus that nobody is at.
func NewBus() *Bus { return &Bus{} }

// ErrAway is the state of a port while its bus is cut.
var ErrAway = errors.New("hub: the bus is cut")

// Open returns another place at the bus, a Broker.
func (b *Bus) Open() *Port {
	return &Port{bus: b, rooms: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// Cut ends all connections until Mend.
func (b *Bus) Cut() { b.set(ErrAway) }

// Mend lets the ports connect again.
func (b *Bus) Mend() { b.set(nil) }

func (b *Bus) set(down error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
	for _, p := range b.ports {
		p.dropLocked()
		p.pushLocked(notice{state: true, err: down})
	}
	if down == nil {
		for _, p := range b.ports {
			b.introduceLocked(p)
		}
	}
}

// introduceLocked tells a port what the others want.
func (b *Bus) introduceLocked(p *Port) {
	for _, other := range b.ports {
		for room := range other.rooms {
			if other != p {
				p.pushLocked(notice{room: room, wanted: true})
			}
		}
	}
}

// wantedLocked reports whether a port other than p has subscribed a room.
func (b *Bus) wantedLocked(p *Port, room string) bool {
	return slices.ContainsFunc(b.ports, func(other *Port) bool { return other != p && other.rooms[room] })
}

// Port is one place at a bus.
type Port struct {
	bus  *Bus
	wake chan struct{}

	// Guarded by the bus.
	started, ended bool
	rooms          map[string]bool
	waiting        []notice
}

// notice is one call of the listener that is due.
type notice struct {
	room    string
	message []byte // nil for the others
	state   bool
	err     error
	wanted  bool
}

// mostWaiting bounds the messages that wait for a port.
const mostWaiting = 4096

// Run delivers to l until ctx ends.
func (p *Port) Run(ctx context.Context, l Listener) error {
	b := p.bus
	b.mu.Lock()
	if p.started {
		b.mu.Unlock()
		return ErrRunning
	}
	p.started = true
	b.ports = append(b.ports, p)
	p.pushLocked(notice{state: true, err: b.down})
	if b.down == nil {
		b.introduceLocked(p)
		for room := range p.rooms {
			p.spreadLocked(notice{room: room, wanted: true})
		}
	}
	b.mu.Unlock()
	defer p.leave()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		for _, n := range p.take() {
			n.tell(l)
		}
	}
}

func (n notice) tell(l Listener) {
	switch {
	case n.message != nil:
		l.Message(n.room, n.message)
	case n.state:
		l.State(n.err)
	default:
		l.Wanted(n.room, n.wanted)
	}
}

func (p *Port) leave() {
	b := p.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	p.ended, p.waiting = true, nil
	b.ports = slices.DeleteFunc(b.ports, func(other *Port) bool { return other == p })
	for room := range p.rooms {
		p.unwantLocked(room)
	}
}

func (p *Port) take() []notice {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	all := p.waiting
	p.waiting = nil
	return all
}

func (p *Port) pushLocked(n notice) {
	p.waiting = append(p.waiting, n)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// dropLocked forgets the messages that wait.
func (p *Port) dropLocked() {
	p.waiting = slices.DeleteFunc(p.waiting, func(n notice) bool { return n.message != nil })
}

// spreadLocked pushes n to the other ports.
func (p *Port) spreadLocked(n notice) {
	for _, other := range p.bus.ports {
		if other != p {
			other.pushLocked(n)
		}
	}
}

func (p *Port) unwantLocked(room string) {
	for _, other := range p.bus.ports {
		if other != p && !p.bus.wantedLocked(other, room) {
			other.pushLocked(notice{room: room})
		}
	}
}

// Publish sends a message to the ports that have subscribed the room.
func (p *Port) Publish(room string, message []byte) {
	b := p.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down != nil || !p.started || p.ended || len(message) == 0 {
		return
	}
	for _, other := range b.ports {
		if other != p && other.rooms[room] && len(other.waiting) < mostWaiting {
			other.pushLocked(notice{room: room, message: message})
		}
	}
}

// Subscribe asks for the messages of a room.
func (p *Port) Subscribe(room string) {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	p.rooms[room] = true
	if p.started && !p.ended && p.bus.down == nil {
		p.spreadLocked(notice{room: room, wanted: true})
	}
}

// Unsubscribe ends what Subscribe began.
func (p *Port) Unsubscribe(room string) {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	delete(p.rooms, room)
	if p.started && !p.ended && p.bus.down == nil {
		p.unwantLocked(room)
	}
}

package hub

import (
	"crypto/rand"
	"sync"
	"sync/atomic"
)

// peers is the state that a hub keeps about the hubs of other processes: their
// interest in rooms, and the counts that detect lost messages.
type peers struct {
	origin string // identifies this hub in its messages

	mu sync.Mutex
	// sent counts the messages that were published to each room of interest.
	sent map[string]uint64
	// last has the count of the last message from each origin, by room.
	last map[string]map[string]uint64

	published, received, gaps atomic.Uint64
}

// maxOrigins bounds the origins in peers.last of one room. Nobody reports that an
// origin has ended, so all are forgotten at the limit, which costs a repair.
const maxOrigins = 256

func (p *peers) init() {
	p.origin = rand.Text()
	p.sent, p.last = map[string]uint64{}, map[string]map[string]uint64{}
}

// setInterest records whether others are interested in a room and reports
// whether that is a change.
func (p *peers) setInterest(room string, interested bool) (changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, before := p.sent[room]
	if interested && !before {
		p.sent[room] = 0
	} else if !interested {
		delete(p.sent, room)
	}
	return before != interested
}

// record stores the count of a message and reports whether an earlier message of
// its origin may be missing.
func (p *peers) record(room string, m message) (gap bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := p.last[room]
	if counts == nil {
		counts = map[string]uint64{}
		p.last[room] = counts
	}
	last, known := counts[m.Origin]
	if !known && len(counts) >= maxOrigins {
		clear(counts)
	}
	counts[m.Origin] = m.Count
	return !known || m.Count != last+1
}

// forgetRoom discards the counts of a room that has no members any longer.
func (p *peers) forgetRoom(room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, room)
}

// Publish sends an event of a room to the hubs that are interested in it. It
// returns false if there are none. It does not block.
func (h *Hub) Publish(room, event string, data []byte) bool {
	p := &h.peers
	p.mu.Lock()
	defer p.mu.Unlock() // messages must be published in the order of their counts
	count, interested := p.sent[room]
	if !interested {
		return false
	}
	p.sent[room] = count + 1
	p.published.Add(1)
	h.options.Broker.Publish(room, message{Origin: p.origin, Count: count + 1, Event: event, Data: data}.encode())
	return true
}

// RemoteInterest reports whether another process is interested in a room.
func (h *Hub) RemoteInterest(room string) bool {
	h.peers.mu.Lock()
	defer h.peers.mu.Unlock()
	_, interested := h.peers.sent[room]
	return interested
}

// syncEvent marks a message that only carries the count of its origin. It answers
// new interest in a room: the receiver has missed what came before.
const syncEvent = ""

// brokerListener makes a hub the listener of its broker.
type brokerListener struct{ h *Hub }

// OnMessage ignores messages that are invalid, come from this hub, or belong to a
// room that has no members any longer.
func (l brokerListener) OnMessage(room string, text []byte) {
	h := l.h
	m, err := decode(text)
	if err != nil || m.Origin == h.peers.origin || !h.Has(room) {
		return
	}
	h.peers.received.Add(1)
	gap := h.peers.record(room, m)
	if m.Event != syncEvent && h.options.OnMessage != nil {
		h.options.OnMessage(room, m.Event, m.Data)
	}
	if gap {
		h.reportGap(room)
	}
}

func (l brokerListener) OnInterest(room string, interested bool) {
	h := l.h
	if h.peers.setInterest(room, interested) && h.options.OnInterest != nil {
		h.options.OnInterest(room, interested)
	}
	if interested {
		h.Publish(room, syncEvent, nil)
	}
}

// OnState reports a gap in every room after a connection: anything may have been
// missed before it.
func (l brokerListener) OnState(err error) {
	h := l.h
	if h.options.OnState != nil {
		h.options.OnState(err)
	}
	if err != nil {
		return
	}
	for _, room := range h.Rooms() {
		h.reportGap(room)
	}
}

func (h *Hub) reportGap(room string) {
	h.peers.gaps.Add(1)
	if h.options.OnGap != nil {
		h.options.OnGap(room)
	}
}

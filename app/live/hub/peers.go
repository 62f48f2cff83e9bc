package hub

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"sync/atomic"
)

// links is what a hub knows of the others: who wants which room, and how far it
// has heard each of them.
type peers struct {
	origin string // names this hub for the time that it lives

	mu sync.Mutex
	// out counts what was told of each room that another process wants.
	sent map[string]uint64
	// in has the last count heard of each origin, by room.
	last map[string]map[string]uint64

	published, received, gaps atomic.Uint64
}

// mostOrigins bounds the origins that are remembered of a room: processes that
// have gone are never reported. Forgetting one costs a repair.
const maxOrigins = 256

func (l *peers) init() {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	l.origin = hex.EncodeToString(id[:])
	l.sent, l.last = map[string]uint64{}, map[string]map[string]uint64{}
}

// want notes that a room is wanted elsewhere, and reports whether that is new.
func (l *peers) addInterest(room string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, found := l.sent[room]; found {
		return false
	}
	l.sent[room] = 0
	return true
}

func (l *peers) removeInterest(room string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, found := l.sent[room]
	delete(l.sent, room)
	return found
}

// hear notes a message and reports whether one before it is missing.
func (l *peers) record(room string, m message) (gap bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.last[room]
	if of == nil {
		of = map[string]uint64{}
		l.last[room] = of
	}
	last, known := of[m.Origin]
	if !known && len(of) >= maxOrigins {
		clear(of)
	}
	of[m.Origin] = m.Count
	return !known || m.Count != last+1
}

// forget drops what was heard of a room.
func (l *peers) forgetRoom(room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, room)
}

// Tell sends an event of a room to the other hubs, if any of them wants it; it
// reports whether one does. It does not wait.
func (h *Hub) Publish(room, event string, data []byte) bool {
	l := &h.peers
	l.mu.Lock()
	defer l.mu.Unlock() // so that counts go out in order
	count, wanted := l.sent[room]
	if !wanted {
		return false
	}
	l.sent[room] = count + 1
	l.published.Add(1)
	h.options.Broker.Publish(room, message{Origin: l.origin, Count: count + 1, Event: event, Data: data}.encode())
	return true
}

// Wanted reports whether another process wants a room.
func (h *Hub) RemoteInterest(room string) bool {
	h.peers.mu.Lock()
	defer h.peers.mu.Unlock()
	_, wanted := h.peers.sent[room]
	return wanted
}

// greeting is the event of a message that says nothing but where an origin is in
// its count. It answers the wish for a room: what happened before was missed.
const syncEvent = ""

// listener is the hub as its broker sees it.
type brokerListener struct{ h *Hub }

func (l brokerListener) OnMessage(room string, text []byte) {
	h := l.h
	m, err := decode(text)
	if err != nil || m.Origin == h.peers.origin || !h.Has(room) {
		return // not one of ours, our own echo, or too late
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

func (l brokerListener) OnInterest(room string, yes bool) {
	h := l.h
	if !yes {
		if h.peers.removeInterest(room) && h.options.OnInterest != nil {
			h.options.OnInterest(room, false)
		}
		return
	}
	if h.peers.addInterest(room) && h.options.OnInterest != nil {
		h.options.OnInterest(room, true)
	}
	h.Publish(room, syncEvent, nil)
}

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

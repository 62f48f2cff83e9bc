package hub

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"sync/atomic"
)

// links is what a hub knows of the others: who wants which room, and how far it
// has heard each of them.
type links struct {
	self string // names this hub for the time that it lives

	mu sync.Mutex
	// out counts what was told of each room that another process wants.
	out map[string]uint64
	// in has the last count heard of each origin, by room.
	in map[string]map[string]uint64

	told, heard, gaps atomic.Uint64
}

// mostOrigins bounds the origins that are remembered of a room: processes that
// have gone are never reported. Forgetting one costs a repair.
const mostOrigins = 256

func (l *links) init() {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	l.self = hex.EncodeToString(id[:])
	l.out, l.in = map[string]uint64{}, map[string]map[string]uint64{}
}

// want notes that a room is wanted elsewhere, and reports whether that is new.
func (l *links) want(room string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, found := l.out[room]; found {
		return false
	}
	l.out[room] = 0
	return true
}

func (l *links) unwant(room string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, found := l.out[room]
	delete(l.out, room)
	return found
}

// hear notes a message and reports whether one before it is missing.
func (l *links) hear(room string, m message) (gap bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.in[room]
	if of == nil {
		of = map[string]uint64{}
		l.in[room] = of
	}
	last, known := of[m.Origin]
	if !known && len(of) >= mostOrigins {
		clear(of)
	}
	of[m.Origin] = m.Count
	return !known || m.Count != last+1
}

// forget drops what was heard of a room.
func (l *links) forget(room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.in, room)
}

// Tell sends an event of a room to the other hubs, if any of them wants it; it
// reports whether one does. It does not wait.
func (h *Hub) Tell(room, event string, data []byte) bool {
	l := &h.links
	l.mu.Lock()
	defer l.mu.Unlock() // so that counts go out in order
	count, wanted := l.out[room]
	if !wanted {
		return false
	}
	l.out[room] = count + 1
	l.told.Add(1)
	h.options.Broker.Publish(room, message{Origin: l.self, Count: count + 1, Event: event, Data: data}.encode())
	return true
}

// Wanted reports whether another process wants a room.
func (h *Hub) Wanted(room string) bool {
	h.links.mu.Lock()
	defer h.links.mu.Unlock()
	_, wanted := h.links.out[room]
	return wanted
}

// greeting is the event of a message that says nothing but where an origin is in
// its count. It answers the wish for a room: what happened before was missed.
const greeting = ""

// listener is the hub as its broker sees it.
type listener struct{ h *Hub }

func (l listener) Message(room string, text []byte) {
	h := l.h
	m, err := decode(text)
	if err != nil || m.Origin == h.links.self || !h.Has(room) {
		return // not one of ours, our own echo, or too late
	}
	h.links.heard.Add(1)
	gap := h.links.hear(room, m)
	if m.Event != greeting && h.options.Receive != nil {
		h.options.Receive(room, m.Event, m.Data)
	}
	if gap {
		h.lose(room)
	}
}

func (l listener) Wanted(room string, yes bool) {
	h := l.h
	if !yes {
		if h.links.unwant(room) && h.options.Wanted != nil {
			h.options.Wanted(room, false)
		}
		return
	}
	if h.links.want(room) && h.options.Wanted != nil {
		h.options.Wanted(room, true)
	}
	h.Tell(room, greeting, nil)
}

func (l listener) State(err error) {
	h := l.h
	if h.options.State != nil {
		h.options.State(err)
	}
	if err != nil {
		return
	}
	for _, room := range h.Rooms() {
		h.lose(room)
	}
}

func (h *Hub) lose(room string) {
	h.links.gaps.Add(1)
	if h.options.Lost != nil {
		h.options.Lost(room)
	}
}

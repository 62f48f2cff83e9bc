package socketio

import "slices"

// socketHandlers are those of one socket alone.
type socketHandlers struct {
	events        []socketHandler
	anyEvent      []Handler
	admitting     []func(*Event) error
	outgoing      []func(event string, args Args)
	failed        []func(error)
	disconnecting []func(Reason)
	disconnect    []func(Reason)
}

type socketHandler struct {
	name string
	f    Handler
	once bool
}

var noneOwn socketHandlers

// owned returns the socket's own handlers, which do not change.
func (s *Socket) owned() *socketHandlers {
	if h := s.more.Load(); h != nil {
		return h
	}
	return &noneOwn
}

// alter makes a new set of the socket's own handlers, of which f may replace
// the lists but not change them in place.
func (s *Socket) alter(f func(*socketHandlers)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := *s.owned()
	f(&h)
	s.more.Store(&h)
}

// On handles the events of a name, after the handlers of the namespace. What
// is the same for all sockets costs less memory at Namespace.On.
func (s *Socket) On(event string, f Handler) {
	s.alter(func(h *socketHandlers) { h.events = with(h.events, socketHandler{name: event, f: f}) })
}

// Once is On for the next event only.
func (s *Socket) Once(event string, f Handler) {
	s.alter(func(h *socketHandlers) { h.events = with(h.events, socketHandler{name: event, f: f, once: true}) })
}

// Off removes what On and Once of this socket have added for the events; with
// no names, for all.
func (s *Socket) Off(events ...string) {
	s.alter(func(h *socketHandlers) {
		var kept []socketHandler
		for _, one := range h.events {
			if len(events) > 0 && !slices.Contains(events, one.name) {
				kept = append(kept, one)
			}
		}
		h.events = kept
	})
}

// OnAny handles every event, before the handlers of its name and before the
// middlewares for events.
func (s *Socket) OnAny(f Handler) {
	s.alter(func(h *socketHandlers) { h.anyEvent = with(h.anyEvent, f) })
}

// PrependAny is OnAny, before the handlers that the socket has already.
func (s *Socket) PrependAny(f Handler) {
	s.alter(func(h *socketHandlers) { h.anyEvent = append([]Handler{f}, h.anyEvent...) })
}

// OffAny removes what OnAny and PrependAny of this socket have added.
func (s *Socket) OffAny() { s.alter(func(h *socketHandlers) { h.anyEvent = nil }) }

// Use adds a middleware for the socket's events, after those of the namespace:
// it is called before the handlers of each, and may wait. With an error the
// event is dropped, and OnError is called.
func (s *Socket) Use(f func(*Event) error) {
	s.alter(func(h *socketHandlers) { h.admitting = with(h.admitting, f) })
}

// OnError is called with the errors of the middlewares for events.
func (s *Socket) OnError(f func(error)) {
	s.alter(func(h *socketHandlers) { h.failed = with(h.failed, f) })
}

// OnAnyOutgoing is called with every event that is sent to the socket; see
// Handlers.OnAnyOutgoing.
func (s *Socket) OnAnyOutgoing(f func(event string, args Args)) {
	s.alter(func(h *socketHandlers) { h.outgoing = with(h.outgoing, f) })
}

// PrependAnyOutgoing is OnAnyOutgoing, before those that the socket has already.
func (s *Socket) PrependAnyOutgoing(f func(event string, args Args)) {
	s.alter(func(h *socketHandlers) { h.outgoing = append([]func(string, Args){f}, h.outgoing...) })
}

// OffAnyOutgoing removes what OnAnyOutgoing and PrependAnyOutgoing of this
// socket have added.
func (s *Socket) OffAnyOutgoing() { s.alter(func(h *socketHandlers) { h.outgoing = nil }) }

// OnDisconnect is called once the socket is disconnected, after its last
// event.
func (s *Socket) OnDisconnect(f func(Reason)) {
	s.alter(func(h *socketHandlers) { h.disconnect = with(h.disconnect, f) })
}

// OnDisconnecting is called before OnDisconnect: Rooms still returns the rooms
// that the socket was in.
func (s *Socket) OnDisconnecting(f func(Reason)) {
	s.alter(func(h *socketHandlers) { h.disconnecting = with(h.disconnecting, f) })
}

// handlersOf returns the socket's own handlers for an event, and takes out
// those that are for once.
func (s *Socket) handlersOf(event string) []Handler {
	named, once := s.owned().of(event)
	if once {
		s.alter(func(own *socketHandlers) {
			named, _ = own.of(event) // there may be more by now
			var kept []socketHandler
			for _, h := range own.events {
				if h.name != event || !h.once {
					kept = append(kept, h)
				}
			}
			own.events = kept
		})
	}
	return named
}

// of returns the handlers for an event, and whether any of them is for once.
func (h *socketHandlers) of(event string) (named []Handler, once bool) {
	for _, one := range h.events {
		if one.name == event {
			named = append(named, one.f)
			once = once || one.once
		}
	}
	return named, once
}

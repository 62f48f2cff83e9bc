package socketio

import "slices"

// socketHandlers are those of one socket alone.
type socketHandlers struct {
	events           []socketHandler
	anyEvent         []Handler
	eventMiddlewares []func(*Event) error
	outgoing         []func(event string, args Args)
	errors           []func(error)
	disconnecting    []func(Reason)
	disconnect       []func(Reason)
}

type socketHandler struct {
	name string
	f    Handler
	once bool
}

var noSocketHandlers socketHandlers

// loadHandlers returns the socket's own handlers, which do not change.
func (s *Socket) loadHandlers() *socketHandlers {
	if h := s.handlers.Load(); h != nil {
		return h
	}
	return &noSocketHandlers
}

// changeHandlers makes a new set of the socket's own handlers, of which f may replace
// the lists but not change them in place.
func (s *Socket) changeHandlers(f func(*socketHandlers)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := *s.loadHandlers()
	f(&h)
	s.handlers.Store(&h)
}

// On handles the events of a name, after the handlers of the namespace. What
// is the same for all sockets costs less memory at Namespace.On.
func (s *Socket) On(event string, f Handler) {
	s.changeHandlers(func(h *socketHandlers) { h.events = appended(h.events, socketHandler{name: event, f: f}) })
}

// Once is On for the next event only.
func (s *Socket) Once(event string, f Handler) {
	s.changeHandlers(func(h *socketHandlers) { h.events = appended(h.events, socketHandler{name: event, f: f, once: true}) })
}

// Off removes what On and Once of this socket have added for the events; with
// no names, for all.
func (s *Socket) Off(events ...string) {
	s.changeHandlers(func(h *socketHandlers) {
		var remaining []socketHandler
		for _, one := range h.events {
			if len(events) > 0 && !slices.Contains(events, one.name) {
				remaining = append(remaining, one)
			}
		}
		h.events = remaining
	})
}

// OnAny handles every event, before the handlers of its name and before the
// middlewares for events.
func (s *Socket) OnAny(f Handler) {
	s.changeHandlers(func(h *socketHandlers) { h.anyEvent = appended(h.anyEvent, f) })
}

// PrependAny is OnAny, before the handlers that the socket has already.
func (s *Socket) PrependAny(f Handler) {
	s.changeHandlers(func(h *socketHandlers) { h.anyEvent = append([]Handler{f}, h.anyEvent...) })
}

// OffAny removes what OnAny and PrependAny of this socket have added.
func (s *Socket) OffAny() { s.changeHandlers(func(h *socketHandlers) { h.anyEvent = nil }) }

// Use adds a middleware for the socket's events, after those of the namespace:
// it is called before the handlers of each, and may wait. With an error the
// event is dropped, and OnError is called.
func (s *Socket) Use(f func(*Event) error) {
	s.changeHandlers(func(h *socketHandlers) { h.eventMiddlewares = appended(h.eventMiddlewares, f) })
}

// OnError is called with the errors of the middlewares for events.
func (s *Socket) OnError(f func(error)) {
	s.changeHandlers(func(h *socketHandlers) { h.errors = appended(h.errors, f) })
}

// OnAnyOutgoing is called with every event that is sent to the socket; see
// Handlers.OnAnyOutgoing.
func (s *Socket) OnAnyOutgoing(f func(event string, args Args)) {
	s.changeHandlers(func(h *socketHandlers) { h.outgoing = appended(h.outgoing, f) })
}

// PrependAnyOutgoing is OnAnyOutgoing, before those that the socket has already.
func (s *Socket) PrependAnyOutgoing(f func(event string, args Args)) {
	s.changeHandlers(func(h *socketHandlers) { h.outgoing = append([]func(string, Args){f}, h.outgoing...) })
}

// OffAnyOutgoing removes what OnAnyOutgoing and PrependAnyOutgoing of this
// socket have added.
func (s *Socket) OffAnyOutgoing() { s.changeHandlers(func(h *socketHandlers) { h.outgoing = nil }) }

// OnDisconnect is called once the socket is disconnected, after its last
// event.
func (s *Socket) OnDisconnect(f func(Reason)) {
	s.changeHandlers(func(h *socketHandlers) { h.disconnect = appended(h.disconnect, f) })
}

// OnDisconnecting is called before OnDisconnect: Rooms still returns the rooms
// that the socket was in.
func (s *Socket) OnDisconnecting(f func(Reason)) {
	s.changeHandlers(func(h *socketHandlers) { h.disconnecting = appended(h.disconnecting, f) })
}

// takeEventHandlers returns the socket's own handlers for an event, and takes out
// those that are for once.
func (s *Socket) takeEventHandlers(event string) []Handler {
	named, once := s.loadHandlers().named(event)
	if once {
		s.changeHandlers(func(local *socketHandlers) {
			named, _ = local.named(event) // there may be more by now
			var remaining []socketHandler
			for _, h := range local.events {
				if h.name != event || !h.once {
					remaining = append(remaining, h)
				}
			}
			local.events = remaining
		})
	}
	return named
}

// named returns the handlers for an event, and whether any of them is for once.
func (h *socketHandlers) named(event string) (named []Handler, once bool) {
	for _, one := range h.events {
		if one.name == event {
			named = append(named, one.f)
			once = once || one.once
		}
	}
	return named, once
}

// hasOutgoingHandlers reports whether somebody is told of what is sent to the socket.
func (s *Socket) hasOutgoingHandlers() bool {
	return len(s.loadHandlers().outgoing)+len(s.ns.load().outgoing) > 0
}

// runOutgoingHandlers tells whom it concerns that the event p is about to be sent. A panic
// there ends the socket's client, like one in a handler.
func (s *Socket) runOutgoingHandlers(p *Packet) {
	all := p.Args()
	name, args := all.Text(0), all.At(1, -1)
	shared, local := s.ns.load().outgoing, s.loadHandlers().outgoing
	s.client.server.options.Guard(func() {
		for _, f := range shared {
			f(s, name, args)
		}
		for _, f := range local {
			f(name, args)
		}
	}, s.client.closeAfterPanic)
}

// encodeOutgoing encodes an event for this socket.
func (s *Socket) encodeOutgoing(p Packet, event string, args []any) (encodedPacket, error) {
	if !s.hasOutgoingHandlers() {
		return encodeEvent(p, event, args)
	}
	made, err := newEvent(p.Namespace, event, args)
	if err != nil {
		return encodedPacket{}, err
	}
	s.runOutgoingHandlers(made)
	p.Data, p.Attachments = made.Data, made.Attachments
	return encodePacket(&p), nil
}

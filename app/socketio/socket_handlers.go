package socketio

import "slices"

// socketHandlers are the handlers of a single socket. They are immutable once
// published in Socket.handlers.
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

// loadHandlers returns the handlers of the socket itself.
func (s *Socket) loadHandlers() *socketHandlers {
	if h := s.handlers.Load(); h != nil {
		return h
	}
	return &noSocketHandlers
}

// changeHandlers publishes a modified copy of the handlers. f may replace
// slices but must not modify them in place.
func (s *Socket) changeHandlers(f func(*socketHandlers)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := *s.loadHandlers()
	f(&h)
	s.handlers.Store(&h)
}

// On handles the events of a name, after the handlers of the namespace.
// Handlers that are the same for all sockets need less memory with
// Namespace.On. The function On decodes arguments.
func (s *Socket) On(event string, f Handler) {
	s.changeHandlers(func(h *socketHandlers) { h.events = appended(h.events, socketHandler{name: event, f: f}) })
}

// Once is On for the next event only.
func (s *Socket) Once(event string, f Handler) {
	s.changeHandlers(func(h *socketHandlers) { h.events = appended(h.events, socketHandler{name: event, f: f, once: true}) })
}

// Off removes the handlers that On and Once of this socket have registered for
// events; without names, all of them.
func (s *Socket) Off(events ...string) {
	s.changeHandlers(func(h *socketHandlers) {
		h.remove(func(one socketHandler) bool { return len(events) == 0 || slices.Contains(events, one.name) })
	})
}

// OnAny handles every event; see Handlers.OnAny.
func (s *Socket) OnAny(f Handler) {
	s.changeHandlers(func(h *socketHandlers) { h.anyEvent = appended(h.anyEvent, f) })
}

// PrependAny is OnAny, but runs before the handlers registered so far.
func (s *Socket) PrependAny(f Handler) {
	s.changeHandlers(func(h *socketHandlers) { h.anyEvent = append([]Handler{f}, h.anyEvent...) })
}

// OffAny removes the handlers of OnAny and PrependAny of this socket.
func (s *Socket) OffAny() { s.changeHandlers(func(h *socketHandlers) { h.anyEvent = nil }) }

// Use adds a middleware for the events of the socket, after those of the
// namespace; see Handlers.UseEvents.
func (s *Socket) Use(f func(*Event) error) {
	s.changeHandlers(func(h *socketHandlers) { h.eventMiddlewares = appended(h.eventMiddlewares, f) })
}

// OnError is called with the errors of the socket; see Handlers.OnError.
func (s *Socket) OnError(f func(error)) {
	s.changeHandlers(func(h *socketHandlers) { h.errors = appended(h.errors, f) })
}

// OnAnyOutgoing is called with every event sent; see Handlers.OnAnyOutgoing.
func (s *Socket) OnAnyOutgoing(f func(event string, args Args)) {
	s.changeHandlers(func(h *socketHandlers) { h.outgoing = appended(h.outgoing, f) })
}

// PrependAnyOutgoing is OnAnyOutgoing, but runs before the others so far.
func (s *Socket) PrependAnyOutgoing(f func(event string, args Args)) {
	s.changeHandlers(func(h *socketHandlers) { h.outgoing = append([]func(string, Args){f}, h.outgoing...) })
}

// OffAnyOutgoing removes the socket's OnAnyOutgoing handlers.
func (s *Socket) OffAnyOutgoing() { s.changeHandlers(func(h *socketHandlers) { h.outgoing = nil }) }

// OnDisconnect is called when the socket has been disconnected, after its last
// event.
func (s *Socket) OnDisconnect(f func(Reason)) {
	s.changeHandlers(func(h *socketHandlers) { h.disconnect = appended(h.disconnect, f) })
}

// OnDisconnecting is called before OnDisconnect, while Rooms still returns the
// rooms of the socket.
func (s *Socket) OnDisconnecting(f func(Reason)) {
	s.changeHandlers(func(h *socketHandlers) { h.disconnecting = appended(h.disconnecting, f) })
}

// takeEventHandlers returns the socket's handlers for an event and removes
// those registered by Once.
func (s *Socket) takeEventHandlers(event string) []Handler {
	named, once := s.loadHandlers().named(event)
	if once {
		s.changeHandlers(func(local *socketHandlers) {
			named, _ = local.named(event) // others may have been added meanwhile
			local.remove(func(h socketHandler) bool { return h.name == event && h.once })
		})
	}
	return named
}

// remove removes the handlers of events that match, without changing the list in
// place.
func (h *socketHandlers) remove(match func(socketHandler) bool) {
	h.events = slices.DeleteFunc(slices.Clone(h.events), match)
}

// named returns the handlers for an event, and whether Once registered one of
// them.
func (h *socketHandlers) named(event string) (named []Handler, once bool) {
	for _, one := range h.events {
		if one.name == event {
			named = append(named, one.f)
			once = once || one.once
		}
	}
	return named, once
}

// hasOutgoingHandlers reports whether there are OnAnyOutgoing handlers.
func (s *Socket) hasOutgoingHandlers() bool {
	return len(s.loadHandlers().outgoing)+len(s.ns.load().outgoing) > 0
}

// runOutgoingHandlers runs the OnAnyOutgoing handlers for the event p. A panic
// closes the client of this socket.
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

// encodeOutgoing encodes an event for this socket and runs its OnAnyOutgoing
// handlers.
func (s *Socket) encodeOutgoing(p Packet, event string, args []any) (encodedPacket, error) {
	if !s.hasOutgoingHandlers() {
		return encodeFor(p, event, args)
	}
	made, err := newEvent(p.Namespace, event, args)
	if err != nil {
		return encodedPacket{}, err
	}
	s.runOutgoingHandlers(made)
	p.Data, p.Attachments = made.Data, made.Attachments
	return encodePacket(&p), nil
}

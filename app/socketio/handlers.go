package socketio

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Handler handles an event. The handlers of one socket run one at a time, in
// the order in which the events arrived, so a handler that blocks delays only
// its own socket. A panic in a handler closes only its own client.
// Event.Context ends when the socket is disconnected.
type Handler func(e *Event)

// Handlers are registered for all sockets of a namespace, so they need no
// memory per socket. They may be registered while clients are connected, and
// cannot be removed.
type Handlers struct {
	mu  sync.Mutex
	set atomic.Pointer[handlerSet]
}

// handlerSet is immutable once it is published in Handlers.
type handlerSet struct {
	middlewares      []func(*Socket) error
	connection       []func(*Socket)
	disconnecting    []func(*Socket, Reason)
	disconnect       []func(*Socket, Reason)
	eventMiddlewares []func(*Event) error
	events           map[string]*eventHandlers
	anyEvent         []Handler
	outgoing         []func(s *Socket, event string, args Args)
	errors           []func(*Socket, error)
	upgrade          []func(*Socket)
	rooms            roomHandlers
	hasRoomHandlers  bool
	serverSide       map[string][]func(*ServerEvent)
}

// eventHandlers are the handlers of the events of one name.
type eventHandlers struct {
	name     string
	handlers []Handler
	direct   bool
}

var noHandlers handlerSet

func (h *Handlers) load() *handlerSet {
	if set := h.set.Load(); set != nil {
		return set
	}
	return &noHandlers
}

// change publishes a modified copy of the handlers. f may replace slices and
// map entries but must not modify slices in place; see appended.
func (h *Handlers) change(f func(*handlerSet)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.load()
	set := *old
	if set.events, set.serverSide = maps.Clone(old.events), maps.Clone(old.serverSide); set.events == nil {
		set.events, set.serverSide = map[string]*eventHandlers{}, map[string][]func(*ServerEvent){}
	}
	f(&set)
	h.set.Store(&set)
}

// appended returns a copy of list with one more element.
func appended[T any](list []T, one T) []T { return append(slices.Clip(list), one) }

// Use adds a middleware. It is called for each socket that connects, and may
// block. If it returns an error, the client gets connect_error with the text
// of the error and the Data of a *ConnectionError.
func (h *Handlers) Use(f func(*Socket) error) {
	h.change(func(s *handlerSet) { s.middlewares = appended(s.middlewares, f) })
}

// OnConnection is called with each socket that has connected, before its first
// event.
func (h *Handlers) OnConnection(f func(*Socket)) {
	h.change(func(s *handlerSet) { s.connection = appended(s.connection, f) })
}

// OnDisconnect is called with each socket that has been disconnected, after
// its last event.
func (h *Handlers) OnDisconnect(f func(*Socket, Reason)) {
	h.change(func(s *handlerSet) { s.disconnect = appended(s.disconnect, f) })
}

// OnDisconnecting is called before OnDisconnect, while Socket.Rooms still
// returns the rooms of the socket.
func (h *Handlers) OnDisconnecting(f func(*Socket, Reason)) {
	h.change(func(s *handlerSet) { s.disconnecting = appended(s.disconnecting, f) })
}

// UseEvents adds a middleware for the events of all sockets; see Socket.Use.
// It is called before the handlers of an event, and may block. If it returns
// an error, the event is dropped and the OnError handlers are called. The
// client gets an answer only if f sends one, for example with Event.Ack.
func (h *Handlers) UseEvents(f func(*Event) error) {
	h.change(func(s *handlerSet) { s.eventMiddlewares = appended(s.eventMiddlewares, f) })
}

// On handles the events of a name. The events that JavaScript calls
// "connection" and "disconnect" are OnConnection and OnDisconnect. The
// function On decodes arguments.
func (h *Handlers) On(event string, f Handler) { h.on(event, f, false) }

// OnDirect is On for a handler that never blocks. It may run on the receiving
// goroutine, which saves a goroutine switch for each event. Event.Args are
// valid only until it returns; use Args.Clone to keep them. It must not wait
// for an acknowledgement of its own client.
func (h *Handlers) OnDirect(event string, f Handler) { h.on(event, f, true) }

func (h *Handlers) on(event string, f Handler, direct bool) {
	h.change(func(s *handlerSet) {
		l := eventHandlers{name: event, direct: direct}
		if old := s.events[event]; old != nil {
			l = eventHandlers{name: event, handlers: slices.Clip(old.handlers), direct: direct && old.direct}
		}
		l.handlers = append(l.handlers, f)
		s.events[event] = &l
	})
}

// OnError is called with the errors of UseEvents, Socket.Use and handlers
// registered with the function On.
func (h *Handlers) OnError(f func(*Socket, error)) {
	h.change(func(s *handlerSet) { s.errors = appended(s.errors, f) })
}

// OnUpgrade is called with each socket whose client has been upgraded from
// polling to WebSocket.
func (h *Handlers) OnUpgrade(f func(*Socket)) {
	h.change(func(s *handlerSet) { s.upgrade = appended(s.upgrade, f) })
}

// OnAny handles every event, before the middlewares for events and before the
// handlers of its name.
func (h *Handlers) OnAny(f Handler) {
	h.change(func(s *handlerSet) { s.anyEvent = appended(s.anyEvent, f) })
}

// PrependAny is OnAny, but runs before the handlers registered so far.
func (h *Handlers) PrependAny(f Handler) {
	h.change(func(s *handlerSet) { s.anyEvent = append([]Handler{f}, s.anyEvent...) })
}

// OnAnyOutgoing is called with every event, but not with acknowledgements,
// before it is sent to a socket by itself or by a broadcast. It runs on the
// goroutine of the sender and should be quick.
func (h *Handlers) OnAnyOutgoing(f func(s *Socket, event string, args Args)) {
	h.change(func(s *handlerSet) { s.outgoing = appended(s.outgoing, f) })
}

// PrependAnyOutgoing is OnAnyOutgoing, but runs before the handlers registered
// so far.
func (h *Handlers) PrependAnyOutgoing(f func(s *Socket, event string, args Args)) {
	h.change(func(s *handlerSet) { s.outgoing = append([]func(*Socket, string, Args){f}, s.outgoing...) })
}

// OnServerSideEvent handles the events that other servers send with
// ServerSideEmit.
func (h *Handlers) OnServerSideEvent(event string, f func(*ServerEvent)) {
	h.change(func(s *handlerSet) { s.serverSide[event] = appended(s.serverSide[event], f) })
}

// ConnectionError is an error of a middleware with additional data for the
// client.
type ConnectionError struct {
	Message string
	// Data becomes the data property of the client's error; nil omits it.
	Data any
}

// Error returns the message.
func (e *ConnectionError) Error() string { return e.Message }

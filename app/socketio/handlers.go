package socketio

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Handler works an event off. The handlers of one socket run one at a time and
// in the order in which the events came, so a handler that blocks holds up its
// socket and no other. A panic in one ends its client and no other.
type Handler func(e *Event)

// Handlers register what is to be done for all sockets of a namespace, so that
// a socket costs no memory for it. Registering while clients are connected is
// allowed, and is not undone.
type Handlers struct {
	mu  sync.Mutex
	set atomic.Pointer[handlerSet]
}

// handlerSet does not change once it is in Handlers.
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
	serverSide       map[string][]func(*ServerEvent)
}

// eventHandlers is what an event of some name is for.
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

// change makes a new set, of which f may replace what is in it but not change
// that in place: with adds to a list.
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

// appended returns the list with one more at its end.
func appended[T any](list []T, one T) []T { return append(slices.Clip(list), one) }

// Use adds a middleware: it is called for each socket that wants to connect,
// and may wait. With an error the client gets connect_error with the error's
// text, and with the Data of a *ConnectionError.
func (h *Handlers) Use(f func(*Socket) error) {
	h.change(func(s *handlerSet) { s.middlewares = appended(s.middlewares, f) })
}

// OnConnection is called with each socket that has connected, before any of
// its events.
func (h *Handlers) OnConnection(f func(*Socket)) {
	h.change(func(s *handlerSet) { s.connection = appended(s.connection, f) })
}

// OnDisconnect is called with each socket that was connected and is not any
// more.
func (h *Handlers) OnDisconnect(f func(*Socket, Reason)) {
	h.change(func(s *handlerSet) { s.disconnect = appended(s.disconnect, f) })
}

// OnDisconnecting is called before OnDisconnect: Socket.Rooms still returns
// the rooms that the socket was in.
func (h *Handlers) OnDisconnecting(f func(*Socket, Reason)) {
	h.change(func(s *handlerSet) { s.disconnecting = appended(s.disconnecting, f) })
}

// UseEvents is Socket.Use for all sockets: a middleware for events, which is
// called before the handlers of each, and may wait. With an error the event is
// dropped, and OnError is called; the client is told what f itself tells it, by
// Event.Ack for example.
func (h *Handlers) UseEvents(f func(*Event) error) {
	h.change(func(s *handlerSet) { s.eventMiddlewares = appended(s.eventMiddlewares, f) })
}

// On handles the events of a name. What the original calls the events
// "connection" and "disconnect" are OnConnection and OnDisconnect.
func (h *Handlers) On(event string, f Handler) { h.on(event, f, false) }

// OnDirect is On for a handler that never waits: it may run on the goroutine
// that reads from the client, which saves a change of goroutine for each
// event. Event.Args are valid until it returns; Args.Clone keeps them. Waiting
// for an acknowledgement in it would wait for itself.
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

// OnError is called with the errors of UseEvents and Socket.Use.
func (h *Handlers) OnError(f func(*Socket, error)) {
	h.change(func(s *handlerSet) { s.errors = appended(s.errors, f) })
}

// OnUpgrade is called with each socket whose client has moved from polling to a
// WebSocket.
func (h *Handlers) OnUpgrade(f func(*Socket)) {
	h.change(func(s *handlerSet) { s.upgrade = appended(s.upgrade, f) })
}

// OnAny handles every event, before the handlers of its name and before the
// middlewares for events.
func (h *Handlers) OnAny(f Handler) {
	h.change(func(s *handlerSet) { s.anyEvent = appended(s.anyEvent, f) })
}

// PrependAny is OnAny, before the handlers that there are already.
func (h *Handlers) PrependAny(f Handler) {
	h.change(func(s *handlerSet) { s.anyEvent = append([]Handler{f}, s.anyEvent...) })
}

// OnAnyOutgoing is called with every event that is sent to one of the sockets,
// alone or by a broadcast, before it is sent. It runs on the sender's goroutine,
// and should be quick. Acknowledgements are no events.
func (h *Handlers) OnAnyOutgoing(f func(s *Socket, event string, args Args)) {
	h.change(func(s *handlerSet) { s.outgoing = appended(s.outgoing, f) })
}

// PrependAnyOutgoing is OnAnyOutgoing, before those that there are already.
func (h *Handlers) PrependAnyOutgoing(f func(s *Socket, event string, args Args)) {
	h.change(func(s *handlerSet) { s.outgoing = append([]func(*Socket, string, Args){f}, s.outgoing...) })
}

// OnServerSideEvent handles what another server has sent by ServerSideEmit.
func (h *Handlers) OnServerSideEvent(event string, f func(*ServerEvent)) {
	h.change(func(s *handlerSet) { s.serverSide[event] = appended(s.serverSide[event], f) })
}

// ConnectionError is a middleware's error with more for the client than a text.
type ConnectionError struct {
	Message string
	// Data becomes the data property of the client's error; nil is none.
	Data any
}

// Error returns the message.
func (e *ConnectionError) Error() string { return e.Message }

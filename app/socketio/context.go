package socketio

import "context"

// socketContext is made for the first caller of Socket.Context, so that a
// socket whose handlers do not use it costs no memory for it.
type socketContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// Context ends when the socket is disconnected, before the disconnect handlers
// run. Its cause is then ErrDisconnected.
func (s *Socket) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.context == nil {
		ctx, cancel := context.WithCancelCause(context.Background())
		s.context = &socketContext{ctx, cancel}
		if s.state.Load() == disconnected {
			cancel(ErrDisconnected)
		}
	}
	return s.context.Context
}

// endContextLocked ends the context. Functions that were registered with
// context.AfterFunc run on goroutines of their own.
func (s *Socket) endContextLocked() {
	if s.context != nil {
		s.context.cancel(ErrDisconnected)
	}
}

// Context is Socket.Context of the event's socket.
func (e *Event) Context() context.Context { return e.Socket.Context() }

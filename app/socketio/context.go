package socketio

import "context"

// socketContext is created by the first call of Socket.Context, so that other
// sockets need no memory for it.
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

// endContextLocked ends the context. It runs no code of the program:
// context.AfterFunc uses goroutines of its own.
func (s *Socket) endContextLocked() {
	if s.context != nil {
		s.context.cancel(ErrDisconnected)
	}
}

// Context returns the context of the event's socket; see Socket.Context.
func (e *Event) Context() context.Context { return e.Socket.Context() }

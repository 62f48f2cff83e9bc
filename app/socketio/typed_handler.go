package socketio

import (
	"context"
	"fmt"
)

// On registers a handler for the events of a name that decodes their first
// argument into a T, as Args.Decode does: a []byte takes a binary argument, and
// without an argument, or with null, f gets the zero value. Further arguments
// are in e.Args. on is the registration to use, such as that of a *Server,
// *Namespace, *ParentNamespace or *Socket.
//
// ctx is e.Context. If the argument cannot be decoded, f is not called. That
// error, and the one that f returns, reach the OnError handlers as an
// *EventError. The client gets the acknowledgement that f, or an OnError
// handler, sends by e.Ack.
func On[T any](on interface{ On(event string, f Handler) }, event string, f func(ctx context.Context, e *Event, arg T) error) {
	on.On(event, func(e *Event) {
		var arg T
		err := e.Args.Decode(0, &arg)
		if err == nil {
			err = f(e.Context(), e, arg)
		}
		if err != nil {
			e.Socket.runErrorHandlers(&EventError{Event: e, Err: err})
		}
	})
}

// EventError is the error of a handler that was registered by On.
type EventError struct {
	Event *Event
	Err   error
}

// Error names the event and the cause.
func (e *EventError) Error() string { return fmt.Sprintf("event %q: %v", e.Event.Name, e.Err) }

// Unwrap returns Err.
func (e *EventError) Unwrap() error { return e.Err }

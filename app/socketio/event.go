package socketio

import "sync/atomic"

// Event is an event from a client.
type Event struct {
	Socket *Socket
	// Name is the name of the event.
	Name string
	// Args are its arguments, without the name.
	Args Args

	id    uint64
	hasID bool
	acked atomic.Bool
}

// WantsAck reports whether the client asked for an acknowledgement.
func (e *Event) WantsAck() bool { return e.hasID }

// Ack acknowledges the event with args. It may be called later and from any
// goroutine. The error is ErrNoAck if the client did not ask for an
// acknowledgement, and ErrAckSent after the first call.
func (e *Event) Ack(args ...any) error {
	if !e.hasID {
		return ErrNoAck
	}
	if e.acked.Swap(true) {
		return ErrAckSent
	}
	return e.Socket.sendAck(e.id, args)
}

// ServerEvent is an event that another server has sent with ServerSideEmit.
type ServerEvent struct {
	Namespace *Namespace
	Name      string
	Args      Args

	answer func(Args)
	acked  atomic.Bool
}

// WantsAck reports whether the other server waits for an answer.
func (e *ServerEvent) WantsAck() bool { return e.answer != nil }

// Ack sends the answer, a single value. Its errors are those of Event.Ack.
func (e *ServerEvent) Ack(value any) error {
	if e.answer == nil {
		return ErrNoAck
	}
	if e.acked.Swap(true) {
		return ErrAckSent
	}
	args, err := MakeArgs(value)
	if err != nil {
		return err
	}
	e.answer(args)
	return nil
}

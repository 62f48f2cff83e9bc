package socketio

import "sync/atomic"

// Event is what a client has sent.
type Event struct {
	Socket *Socket
	// Name is the event's.
	Name string
	// Args are its arguments.
	Args Args

	id    uint64
	hasID bool
	acked atomic.Bool
}

// WantsAck reports whether the client asked for an acknowledgement.
func (e *Event) WantsAck() bool { return e.hasID }

// Ack sends the acknowledgement with its arguments. It may be called later,
// from any goroutine. The error is ErrNoAck where the client asked for none,
// ErrAckSent after the first call, or why it could not be sent.
func (e *Event) Ack(args ...any) error {
	if !e.hasID {
		return ErrNoAck
	}
	if e.acked.Swap(true) {
		return ErrAckSent
	}
	return e.Socket.sendAck(e.id, args)
}

// ServerEvent is what another server has sent by ServerSideEmit.
type ServerEvent struct {
	Namespace *Namespace
	Name      string
	Args      Args

	answer func(Args)
	acked  atomic.Bool
}

// WantsAck reports whether the other server waits for an answer.
func (e *ServerEvent) WantsAck() bool { return e.answer != nil }

// Ack sends the answer, which is one value. Its errors are those of Event.Ack.
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

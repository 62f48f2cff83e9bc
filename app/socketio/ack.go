package socketio

import (
	"context"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

// registerAck has answer called with the client's acknowledgement of id, or with
// ErrDisconnected. It reports false if the socket is not connected.
func (s *Socket) registerAck(id uint64, answer func(Args, error)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != connected {
		return false
	}
	if s.acks == nil {
		s.acks = make(map[uint64]func(Args, error), 1)
	}
	s.acks[id] = answer
	return true
}

// unregisterAck takes an acknowledgement back: it is not waited for any more, and is
// ignored if it comes.
func (s *Socket) unregisterAck(id uint64) func(Args, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.acks[id]
	delete(s.acks, id)
	if len(s.acks) == 0 {
		s.acks = nil
	}
	return answer
}

// resolveAck passes an acknowledgement on. It is on the receiving goroutine, so
// that a handler that waits for it gets it.
func (s *Socket) resolveAck(p *wirePacket, attachments [][]byte) {
	if !p.hasID {
		return
	}
	if answer := s.unregisterAck(p.id); answer != nil {
		answer(Args{list: arrayElements(p.data), attachments: attachments}, nil)
	}
}

// EmitWithAck sends an event and waits for the client's acknowledgement until
// ctx is done. The error is ErrTimeout if that was a deadline, ErrDisconnected
// if the socket ended first. A handler may call it; only the handlers of its
// own socket wait meanwhile.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	return s.emitWithAck(ctx, event, args, Flags{})
}

func (s *Socket) emitWithAck(ctx context.Context, event string, args []any, flags Flags) (Args, error) {
	if flags.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flags.Timeout)
		defer cancel()
	}
	id := s.ns.nextAckID()
	f, err := s.encodeOutgoing(Packet{Type: PacketEvent, Namespace: s.ns.name, ID: id, HasID: true}, event, args)
	if err != nil {
		return Args{}, err
	}
	type result struct {
		args Args
		err  error
	}
	answered := make(chan result, 1)
	if !s.registerAck(id, func(a Args, err error) { answered <- result{a.Clone(), err} }) {
		return Args{}, ErrDisconnected
	}
	s.addAckWaiters(1)
	defer s.addAckWaiters(-1)
	if err := s.sendEncoded(f.compress(!flags.NoCompress), flags.Volatile); err != nil {
		s.unregisterAck(id)
		return Args{}, err
	}
	select {
	case r := <-answered:
		return r.args, r.err
	case <-ctx.Done():
		s.unregisterAck(id)
		return Args{}, waitError(ctx)
	}
}

// addAckWaiters counts who waits for an acknowledgement. A receiver that is held up may
// be holding it back, and goes on.
func (s *Socket) addAckWaiters(n int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ackWaiters += n
	if n > 0 {
		s.queue.signalSpace()
	}
}

// EmitAck is EmitWithAck for who does not want to wait: answer is called like a
// handler, with the acknowledgement, ErrDisconnected or, after timeout,
// ErrTimeout; a timeout of 0 is none.
func (s *Socket) EmitAck(timeout time.Duration, answer func(Args, error), event string, args ...any) error {
	id := s.ns.nextAckID()
	f, err := s.encodeOutgoing(Packet{Type: PacketEvent, Namespace: s.ns.name, ID: id, HasID: true}, event, args)
	if err != nil {
		return err
	}
	var t *eventloop.Timer
	if timeout > 0 {
		t = new(eventloop.Timer)
	}
	later := func(a Args, err error) {
		if t != nil {
			s.client.session.Loop().Stop(t)
		}
		a = a.Clone()
		s.enqueue(job{run: func() { answer(a, err) }})
	}
	if !s.registerAck(id, later) {
		return ErrDisconnected
	}
	if err := s.sendEncoded(f, false); err != nil {
		s.unregisterAck(id)
		return err
	}
	if t != nil {
		s.client.session.Loop().After(t, timeout, func() {
			if answer := s.unregisterAck(id); answer != nil {
				answer(Args{}, ErrTimeout)
			}
		})
	}
	return nil
}

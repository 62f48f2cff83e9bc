package socketio

import (
	"context"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

// await has answer called with the client's acknowledgement of id, or with
// ErrDisconnected. It reports false if the socket is not connected.
func (s *Socket) await(id uint64, answer func(Args, error)) bool {
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

// forget takes an acknowledgement back: it is not waited for any more, and is
// ignored if it comes.
func (s *Socket) forget(id uint64) func(Args, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.acks[id]
	delete(s.acks, id)
	if len(s.acks) == 0 {
		s.acks = nil
	}
	return answer
}

// resolve passes an acknowledgement on. It is on the receiving goroutine, so
// that a handler that waits for it gets it.
func (s *Socket) resolve(p *wirePacket, attachments [][]byte) {
	if !p.hasID {
		return
	}
	if answer := s.forget(p.id); answer != nil {
		answer(Args{list: inner(p.data), attachments: attachments}, nil)
	}
}

// EmitWithAck sends an event and waits for the client's acknowledgement until
// ctx is done. The error is ErrTimeout if that was a deadline, ErrDisconnected
// if the socket ended first. A handler may call it; only the handlers of its
// own socket wait meanwhile.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	return s.ask(ctx, event, args, Flags{})
}

func (s *Socket) ask(ctx context.Context, event string, args []any, flags Flags) (Args, error) {
	if flags.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flags.Timeout)
		defer cancel()
	}
	id := s.ns.nextAck()
	f, err := s.eventFrames(Packet{Type: PacketEvent, Namespace: s.ns.name, ID: id, HasID: true}, event, args)
	if err != nil {
		return Args{}, err
	}
	type result struct {
		args Args
		err  error
	}
	answered := make(chan result, 1)
	if !s.await(id, func(a Args, err error) { answered <- result{a.Clone(), err} }) {
		return Args{}, ErrDisconnected
	}
	s.wait(1)
	defer s.wait(-1)
	if err := s.transmit(f.compress(!flags.NoCompress), flags.Volatile); err != nil {
		s.forget(id)
		return Args{}, err
	}
	select {
	case r := <-answered:
		return r.args, r.err
	case <-ctx.Done():
		s.forget(id)
		return Args{}, timeoutOf(ctx)
	}
}

// wait counts who waits for an acknowledgement. A receiver that is held up may
// be holding it back, and goes on.
func (s *Socket) wait(n int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting += n
	if n > 0 {
		s.pump.release()
	}
}

// EmitAck is EmitWithAck for who does not want to wait: answer is called like a
// handler, with the acknowledgement, ErrDisconnected or, after timeout,
// ErrTimeout; a timeout of 0 is none.
func (s *Socket) EmitAck(timeout time.Duration, answer func(Args, error), event string, args ...any) error {
	id := s.ns.nextAck()
	f, err := s.eventFrames(Packet{Type: PacketEvent, Namespace: s.ns.name, ID: id, HasID: true}, event, args)
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
	if !s.await(id, later) {
		return ErrDisconnected
	}
	if err := s.transmit(f, false); err != nil {
		s.forget(id)
		return err
	}
	if t != nil {
		s.client.session.Loop().After(t, timeout, func() {
			if late := s.forget(id); late != nil {
				late(Args{}, ErrTimeout)
			}
		})
	}
	return nil
}

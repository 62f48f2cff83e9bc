package socketio

import (
	"context"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

// registerAck registers a callback for the client's acknowledgement of id. It
// is called once, with the acknowledgement or with ErrDisconnected.
// registerAck reports false if the socket is not connected.
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
	s.chargeAcks(1)
	return true
}

// ackCost is what a pending acknowledgement holds.
const ackCost = 256

// chargeAcks charges n more pending acknowledgements.
func (s *Socket) chargeAcks(n int) { s.client.session.Account().Charge(n * ackCost) }

// unregisterAck removes and returns the callback of an acknowledgement, nil if
// there is none. An acknowledgement that arrives later is ignored.
func (s *Socket) unregisterAck(id uint64) func(Args, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.acks[id]
	if answer != nil {
		s.chargeAcks(-1)
	}
	delete(s.acks, id)
	if len(s.acks) == 0 {
		s.acks = nil
	}
	return answer
}

// resolveAck calls the callback of an acknowledgement. It runs on the
// receiving goroutine, because the event queue may be blocked by a handler
// that waits for this acknowledgement.
func (s *Socket) resolveAck(p *wirePacket, attachments [][]byte) {
	if !p.hasID {
		return
	}
	if answer := s.unregisterAck(p.id); answer != nil {
		answer(Args{list: arrayElements(p.data), attachments: attachments}, nil)
	}
}

// EmitWithAck sends an event and waits for the client's acknowledgement until
// ctx is done. The error is ErrTimeout after a deadline and ErrDisconnected if
// the socket is disconnected first. A handler may call it: meanwhile only the
// handlers of its own socket wait.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	return s.emitWithAck(ctx, event, args, Flags{})
}

func (s *Socket) emitWithAck(ctx context.Context, event string, args []any, flags Flags) (Args, error) {
	if flags.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flags.Timeout)
		defer cancel()
	}
	type result struct {
		args Args
		err  error
	}
	answered := make(chan result, 1)
	s.addAckWaiters(1)
	defer s.addAckWaiters(-1)
	id, err := s.emitForAck(event, args, flags, func(a Args, err error) { answered <- result{a.Clone(), err} })
	if err != nil {
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

// emitForAck sends an event and registers a callback for its acknowledgement,
// whose id it returns.
func (s *Socket) emitForAck(event string, args []any, flags Flags, answer func(Args, error)) (uint64, error) {
	id := s.ns.nextAckID()
	f, err := s.encodeOutgoing(Packet{Type: PacketEvent, Namespace: s.ns.name, ID: id, HasID: true}, event, args)
	if err != nil {
		return 0, err
	}
	if !s.registerAck(id, answer) {
		return 0, ErrDisconnected
	}
	if err := s.sendEncoded(f.compress(!flags.NoCompress), flags.Volatile); err != nil {
		s.unregisterAck(id)
		return 0, err
	}
	return id, nil
}

// addAckWaiters counts the handlers that wait for an acknowledgement. A paused
// receiver resumes, because the acknowledgement may be behind the events that
// it holds back.
func (s *Socket) addAckWaiters(n int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ackWaiters += n
	if n > 0 {
		s.queue.signalSpace()
	}
}

// EmitAck is EmitWithAck with a callback instead of a wait. answer is called
// like a handler, with the acknowledgement, with ErrDisconnected or, after
// timeout, with ErrTimeout. With timeout 0 there is no timeout.
func (s *Socket) EmitAck(timeout time.Duration, answer func(Args, error), event string, args ...any) error {
	var t *eventloop.Timer
	if timeout > 0 {
		t = new(eventloop.Timer)
	}
	id, err := s.emitForAck(event, args, Flags{}, func(a Args, err error) {
		if t != nil {
			s.client.session.Loop().StopTimer(t)
		}
		a = a.Clone()
		s.enqueue(job{run: func() { answer(a, err) }})
	})
	if err != nil {
		return err
	}
	if t != nil {
		s.client.session.Loop().SetTimer(t, timeout, func() {
			if answer := s.unregisterAck(id); answer != nil {
				answer(Args{}, ErrTimeout)
			}
		})
	}
	return nil
}

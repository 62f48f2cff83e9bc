package engineio

import (
	"time"

	"github.com/valyala/fasthttp"
)

// probeWait is how long a poll may wait that arrives while a WebSocket is being
// proved. Most often the upgrade is right behind it; else it is told to end, in
// good time before the next ping.
const probePollTimeout = 100 * time.Millisecond

// poll is a GET that waits. Its fields are the session's, under its lock.
type poll struct {
	wait Wait
	// last is the answer if the session has ended meanwhile.
	closing *Message
	// refused says that the session has moved to a WebSocket meanwhile.
	refused bool
}

// awake has the poll look at its session. A nil poll is none.
func (p *poll) wake() {
	if p != nil {
		p.wait.Wake()
	}
}

// servePoll answers a GET ("Receiving data"): with what waits, or else as soon
// as there is something.
func (s *Session) servePoll(ctx *fasthttp.RequestCtx) *refusal {
	s.mu.Lock()
	if no := s.checkRequestLocked(); no != nil {
		s.unlockAndNotify()
		return no
	}
	if s.poll != nil {
		s.abortLocked(TransportError, closePacket)
		s.unlockAndNotify()
		return badRequest
	}
	ms := s.nextPayloadLocked()
	if ms != nil {
		s.unlockAndNotify()
		writePayload(ctx, ms)
		return nil
	}
	p := &poll{wait: s.server.options.Await(ctx)}
	s.poll = p
	proving, left := s.probe != nil && s.probe.probed, time.Duration(s.deadline-s.server.now())
	s.mu.Unlock()

	if proving {
		defer time.AfterFunc(min(probePollTimeout, left/2), p.wait.Wake).Stop()
	}
	ms = s.finishPoll(p, p.wait.Wait())
	if ms == nil {
		return badRequest
	}
	writePayload(ctx, ms)
	return nil
}

// endPoll takes the poll off its session and returns its answer, nil if it has
// none. A client that has gone meanwhile has ended the session.
func (s *Session) finishPoll(p *poll, gone bool) []*Message {
	s.mu.Lock()
	defer s.unlockAndNotify()
	switch {
	case p.refused:
		return nil
	case p.closing != nil:
		return []*Message{p.closing}
	case gone:
		s.abortLocked(TransportError, closePacket)
		return nil
	}
	s.poll = nil
	if ms := s.nextPayloadLocked(); ms != nil {
		return ms
	}
	return []*Message{noopPacket} // "Upgrade": the poll ends in good order
}

// admitLocked checks that a polling request may speak for the session.
func (s *Session) checkRequestLocked() *refusal {
	switch {
	case s.pongOverdueLocked(), s.state == stateRemoved:
		return unknownSession
	case s.socket != nil:
		return badRequest
	}
	return nil
}

// takeLocked returns what goes into the next answer, nil if nothing does. Of a
// session that is closed it is the last.
func (s *Session) nextPayloadLocked() []*Message {
	ms := s.queue.pop(s.server.options.MaxPayload)
	if len(ms) > 0 {
		return ms // the end is for the next poll: clients look at it first
	}
	switch s.state {
	case stateClosing:
		ms = append(ms, closePacket)
		s.removeLocked()
	case stateClientClosed:
		ms = append(ms, noopPacket)
		s.removeLocked()
	}
	return ms
}

func writePayload(ctx *fasthttp.RequestCtx, ms []*Message) {
	ctx.SetContentType("text/plain; charset=UTF-8")
	if len(ms) == 1 {
		ctx.Response.SetBodyRaw(ms[0].text()) // the same bytes for every session
		return
	}
	size := len(ms)
	for _, m := range ms {
		size += m.Len()
	}
	ctx.Response.SetBodyRaw(appendPayload(make([]byte, 0, size), ms))
}

package engineio

import (
	"time"

	"github.com/valyala/fasthttp"
)

// probeWait is how long a poll may wait that arrives while a WebSocket is being
// proved. Most often the upgrade is right behind it; else it is told to end, in
// good time before the next ping.
const probeWait = 100 * time.Millisecond

// poll is a GET that waits. Its fields are the session's, under its lock.
type poll struct {
	wait Wait
	// last is the answer if the session has ended meanwhile.
	last *Message
	// refused says that the session has moved to a WebSocket meanwhile.
	refused bool
}

// awake has the poll look at its session. A nil poll is none.
func (p *poll) awake() {
	if p != nil {
		p.wait.Wake()
	}
}

// servePoll answers a GET ("Receiving data"): with what waits, or else as soon
// as there is something.
func (s *Session) servePoll(ctx *fasthttp.RequestCtx) *refusal {
	s.mu.Lock()
	if no := s.admitLocked(); no != nil {
		s.unlockAndTell()
		return no
	}
	if s.poll != nil {
		s.endLocked(TransportError, closePacket)
		s.unlockAndTell()
		return badRequest
	}
	ms := s.takeLocked()
	if ms != nil {
		s.unlockAndTell()
		writePayload(ctx, ms)
		return nil
	}
	p := &poll{wait: s.server.o.Await(ctx)}
	s.poll = p
	proving, left := s.probe != nil && s.probe.proved, time.Duration(s.due-s.server.now())
	s.mu.Unlock()

	if proving {
		defer time.AfterFunc(min(probeWait, left/2), p.wait.Wake).Stop()
	}
	ms = s.endPoll(p, p.wait.Wait())
	if ms == nil {
		return badRequest
	}
	writePayload(ctx, ms)
	return nil
}

// endPoll takes the poll off its session and returns its answer, nil if it has
// none. A client that has gone meanwhile has ended the session.
func (s *Session) endPoll(p *poll, gone bool) []*Message {
	s.mu.Lock()
	defer s.unlockAndTell()
	switch {
	case p.refused:
		return nil
	case p.last != nil:
		return []*Message{p.last}
	case gone:
		s.endLocked(TransportError, closePacket)
		return nil
	}
	s.poll = nil
	if ms := s.takeLocked(); ms != nil {
		return ms
	}
	return []*Message{noopPacket} // "Upgrade": the poll ends in good order
}

// admitLocked checks that a polling request may speak for the session.
func (s *Session) admitLocked() *refusal {
	switch {
	case s.expiredLocked(), s.state == over:
		return unknownSession
	case s.socket != nil:
		return badRequest
	}
	return nil
}

// takeLocked returns what goes into the next answer, nil if nothing does. Of a
// session that is closed it is the last.
func (s *Session) takeLocked() []*Message {
	ms := s.queue.take(s.server.o.MaxPayload)
	if len(ms) > 0 {
		return ms // the end is for the next poll: clients look at it first
	}
	switch s.state {
	case closing:
		ms = append(ms, closePacket)
		s.overLocked()
	case leaving:
		ms = append(ms, noopPacket)
		s.overLocked()
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

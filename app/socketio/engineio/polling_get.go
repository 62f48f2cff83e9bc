package engineio

import (
	"time"

	"github.com/valyala/fasthttp"
)

// probePollTimeout limits how long a poll waits that arrives during an upgrade
// probe. Usually the upgrade follows at once; otherwise the poll must end well
// before the next ping.
const probePollTimeout = 100 * time.Millisecond

// poll is a waiting GET. Session.mu guards its fields.
type poll struct {
	wait    Wait
	closing *Message // the response if the session has been closed meanwhile
	refused bool     // the session has been upgraded meanwhile
}

// wake makes the poll check its session. It does nothing on nil.
func (p *poll) wake() {
	if p != nil {
		p.wait.Wake()
	}
}

// servePoll handles a GET ("HTTP long-polling", "Receiving data"): it responds
// with what is queued, or waits for something.
func (s *Session) servePoll(ctx *fasthttp.RequestCtx) *refusal {
	s.mu.Lock()
	if r := s.checkRequestLocked(); r != nil {
		s.unlockAndNotify()
		return r
	}
	if s.poll != nil { // a client may send one GET at a time
		s.abortLocked(TransportError, closePacket)
		s.unlockAndNotify()
		return badRequest
	}
	ms := s.nextPayloadLocked()
	if ms != nil {
		s.expectPollLocked(payloadSize(ms))
		s.unlockAndNotify()
		writePayload(ctx, ms)
		return nil
	}
	p := &poll{wait: s.server.options.Await(ctx)}
	s.poll = p
	probed, untilDeadline := s.probe != nil && s.probe.probed, time.Duration(s.deadline-s.server.now())
	s.mu.Unlock()

	if probed {
		defer time.AfterFunc(min(probePollTimeout, untilDeadline/2), p.wait.Wake).Stop()
	}
	ms = s.finishPoll(p, p.wait.Wait())
	if ms == nil {
		return badRequest
	}
	writePayload(ctx, ms)
	return nil
}

// finishPoll ends the poll's wait and returns the response, nil for none. A
// disconnected client ends its session.
func (s *Session) finishPoll(p *poll, disconnected bool) []*Message {
	s.mu.Lock()
	defer s.unlockAndNotify()
	switch {
	case p.refused:
		return nil
	case p.closing != nil:
		return []*Message{p.closing}
	case disconnected:
		s.abortLocked(TransportError, closePacket)
		return nil
	}
	s.poll = nil
	ms := s.nextPayloadLocked()
	if ms == nil {
		ms = []*Message{noopPacket} // "Upgrade": a noop ends the pending poll
	}
	s.expectPollLocked(payloadSize(ms))
	return ms
}

// checkRequestLocked checks that the session accepts polling requests.
func (s *Session) checkRequestLocked() *refusal {
	switch {
	case s.pongOverdueLocked(), s.state == stateRemoved:
		return unknownSession
	case s.socket != nil:
		return badRequest
	}
	return nil
}

// nextPayloadLocked returns the packets of the next response, nil if there are
// none. If the session is closing, the last response removes it.
func (s *Session) nextPayloadLocked() []*Message {
	ms := s.queue.pop(s.server.options.MaxPayload)
	if len(ms) > 0 {
		return ms // a close packet goes into a response of its own: clients handle it first
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
		ctx.Response.SetBodyRaw(ms[0].text()) // shared by all sessions, not copied
		return
	}
	ctx.Response.SetBodyRaw(appendPayload(make([]byte, 0, payloadSize(ms)), ms))
}

// payloadSize returns the size of a response, or a little more.
func payloadSize(ms []*Message) int {
	size := len(ms)
	for _, m := range ms {
		size += m.Len()
	}
	return size
}

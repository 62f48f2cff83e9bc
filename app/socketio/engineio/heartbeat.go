package engineio

import "time"

// stallThreshold is how late a timer runs only if the whole process was
// stopped. What the client has sent meanwhile may still be unread.
const stallThreshold = time.Second

// now is the clock of Session.deadline.
func (s *Server) now() int64 { return int64(s.clock()) }

// pollBytesPerSecond is how fast a client is expected to receive a response.
const pollBytesPerSecond = 16 << 10

// scheduleLocked has onTimer called at the next deadline.
func (s *Session) scheduleLocked() {
	next := s.deadline
	if s.pollMissingLocked() {
		next = min(next, s.pollDeadline)
	}
	s.Loop().SetTimer(&s.timer, time.Duration(next-s.server.now()), s.onTimer)
}

// expectPollLocked begins the wait for the next poll, after a response of size
// bytes.
func (s *Session) expectPollLocked(size int) {
	allowed := s.server.options.PollTimeout + time.Duration(size)*time.Second/pollBytesPerSecond
	s.pollDeadline = s.server.now() + int64(allowed)
	if s.state == stateOpen {
		s.scheduleLocked()
	}
}

// pollMissingLocked reports whether pollDeadline applies. The probe of an
// upgrade is a connection too.
func (s *Session) pollMissingLocked() bool {
	return s.state == stateOpen && s.socket == nil && s.poll == nil && s.probe == nil
}

// onTimer sends a ping, closes a session whose pong is missing ("Heartbeat"),
// or removes a closed one. The timer wheel calls it, so it does not block.
func (s *Session) onTimer() {
	s.mu.Lock()
	defer s.unlockAndNotify()
	now := s.server.now()
	if absent := time.Duration(now - s.pollDeadline); s.pollMissingLocked() && absent >= 0 {
		if absent < stallThreshold {
			s.abortLocked(PingTimeout, closePacket)
			return
		}
		s.pollDeadline = now + int64(s.server.options.PollTimeout) // the process was stopped
	}
	switch late := time.Duration(now - s.deadline); {
	case s.state == stateRemoved:
	case late < 0: // the deadline was moved just before this call
		s.scheduleLocked()
	case s.state != stateOpen:
		s.removeLocked() // the client has not fetched the close packet
	case !s.awaitingPong:
		s.awaitingPong, s.receivedSincePing = true, false
		if late < min(s.server.options.PingTimeout/2, stallThreshold) || late < stallThreshold && s.unreachableLocked() {
			now = s.deadline // delays must not add up, nor give an absent client more time
		}
		s.deadline = now + int64(s.server.options.PingTimeout)
		s.sendPacketLocked(pingPacket)
		s.scheduleLocked()
	case s.receivedSincePing || late > stallThreshold:
		// The pong may be queued behind what the client has sent.
		s.receivedSincePing = false
		s.deadline = now + int64(s.server.options.PingTimeout)
		s.scheduleLocked()
	default:
		s.abortLocked(PingTimeout, closePacket)
	}
}

// pongLocked handles a pong. One without a ping does not postpone the next ping.
func (s *Session) pongLocked() {
	if !s.awaitingPong {
		return
	}
	s.awaitingPong = false
	s.deadline = s.server.now() + int64(s.server.options.PingInterval)
	s.scheduleLocked()
}

// unreachableLocked reports whether nothing can be sent to the client now.
func (s *Session) unreachableLocked() bool { return s.socket == nil && s.poll == nil }

// pongOverdueLocked ends a session whose pong is overdue even if the timer has
// not run yet, for the ping or for the pong.
func (s *Session) pongOverdueLocked() bool {
	late := time.Duration(s.server.now() - s.deadline)
	overdue := s.awaitingPong && !s.receivedSincePing && late >= 0 ||
		!s.awaitingPong && s.unreachableLocked() && late >= s.server.options.PingTimeout
	if s.state != stateOpen || !overdue || late > stallThreshold {
		return false
	}
	s.abortLocked(PingTimeout, closePacket)
	return true
}

package engineio

import "time"

// stoodStill is how late a timer can't be unless the process stood still. What
// has not been heard meanwhile may wait to be read.
const stallThreshold = time.Second

// now is the time that due is in.
func (s *Server) now() int64 { return int64(s.clock()) }

// scheduleLocked has tick called at due.
func (s *Session) scheduleLocked() {
	s.Loop().SetTimer(&s.timer, time.Duration(s.deadline-s.server.now()), s.onTimer)
}

// tick does what is due: a ping, or the end of a session that did not answer
// it ("Heartbeat"). It is called by the wheel and does not block.
func (s *Session) onTimer() {
	s.mu.Lock()
	defer s.unlockAndNotify()
	now := s.server.now()
	switch late := time.Duration(now - s.deadline); {
	case s.state == stateRemoved:
	case late < 0: // it was moved while this call was on its way
		s.scheduleLocked()
	case s.state != stateOpen:
		s.removeLocked() // nobody has asked for the news
	case !s.awaitingPong:
		s.awaitingPong, s.receivedSincePing = true, false
		if late < min(s.server.options.PingTimeout/2, stallThreshold) || late < stallThreshold && s.unreachableLocked() {
			now = s.deadline // lateness shall not add up, nor help who is not there
		}
		s.deadline = now + int64(s.server.options.PingTimeout)
		s.sendPacketLocked(pingPacket)
		s.scheduleLocked()
	case s.receivedSincePing || late > stallThreshold:
		// A client that sends has its pong behind that.
		s.receivedSincePing = false
		s.deadline = now + int64(s.server.options.PingTimeout)
		s.scheduleLocked()
	default:
		s.abortLocked(PingTimeout, closePacket)
	}
}

// pongLocked is the answer to a ping.
func (s *Session) pongLocked() {
	if !s.awaitingPong {
		return // it puts off nothing
	}
	s.awaitingPong = false
	s.deadline = s.server.now() + int64(s.server.options.PingInterval)
	s.scheduleLocked()
}

// absentLocked reports whether the client could not be sent anything.
func (s *Session) unreachableLocked() bool { return s.socket == nil && s.poll == nil }

// expiredLocked ends a session whose pong is overdue, though the wheel may not
// have come to it, nor to the ping.
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

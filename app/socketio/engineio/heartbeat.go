package engineio

import "time"

// stoodStill is how late a timer can't be unless the process stood still. What
// has not been heard meanwhile may wait to be read.
const stoodStill = time.Second

// now is the time that due is in.
func (s *Server) now() int64 { return int64(s.clock()) }

// scheduleLocked has tick called at due.
func (s *Session) scheduleLocked() {
	s.Loop().After(&s.timer, time.Duration(s.due-s.server.now()), s.tick)
}

// tick does what is due: a ping, or the end of a session that did not answer
// it ("Heartbeat"). It is called by the wheel and does not block.
func (s *Session) tick() {
	s.mu.Lock()
	defer s.unlockAndTell()
	now := s.server.now()
	switch late := time.Duration(now - s.due); {
	case s.state == over:
	case late < 0: // it was moved while this call was on its way
		s.scheduleLocked()
	case s.state != open:
		s.overLocked() // nobody has asked for the news
	case !s.pinged:
		s.pinged, s.heard = true, false
		if late < min(s.server.o.PingTimeout/2, stoodStill) || late < stoodStill && s.absentLocked() {
			now = s.due // lateness shall not add up, nor help who is not there
		}
		s.due = now + int64(s.server.o.PingTimeout)
		s.sendLocked(pingPacket)
		s.scheduleLocked()
	case s.heard || late > stoodStill:
		// A client that sends has its pong behind that.
		s.heard = false
		s.due = now + int64(s.server.o.PingTimeout)
		s.scheduleLocked()
	default:
		s.endLocked(PingTimeout, closePacket)
	}
}

// pongLocked is the answer to a ping.
func (s *Session) pongLocked() {
	if !s.pinged {
		return // it puts off nothing
	}
	s.pinged = false
	s.due = s.server.now() + int64(s.server.o.PingInterval)
	s.scheduleLocked()
}

// absentLocked reports whether the client could not be sent anything.
func (s *Session) absentLocked() bool { return s.socket == nil && s.poll == nil }

// expiredLocked ends a session whose pong is overdue, though the wheel may not
// have come to it, nor to the ping.
func (s *Session) expiredLocked() bool {
	late := time.Duration(s.server.now() - s.due)
	overdue := s.pinged && !s.heard && late >= 0 ||
		!s.pinged && s.absentLocked() && late >= s.server.o.PingTimeout
	if s.state != open || !overdue || late > stoodStill {
		return false
	}
	s.endLocked(PingTimeout, closePacket)
	return true
}

package engineio

import (
	"errors"
	"runtime/debug"
)

// errEnded says that a packet was not looked at, because of one before it.
var errSessionClosed = errors.New("the session has ended")

// enter begins a time in which the receiver is called; false if the session is
// not open any more. leave ends it.
func (s *Session) beginReceive() bool {
	s.recvMu.Lock()
	s.mu.Lock()
	s.receiving = s.state == stateOpen
	ok := s.receiving
	s.mu.Unlock()
	if !ok {
		s.recvMu.Unlock()
	}
	return ok
}

func (s *Session) endReceive() {
	s.mu.Lock()
	s.receiving = false
	s.unlockAndNotify()
	s.recvMu.Unlock()
}

// receive acts on a packet from the transport that the session is on. The
// caller has entered. An error says that the session has ended.
func (s *Session) receive(p packet) error {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return errSessionClosed
	}
	s.receivedSincePing = true
	switch p.typ {
	case typeMessage:
		s.mu.Unlock()
		s.receiver.Message(p.data, p.binary)
		return nil
	case typePong:
		s.pongLocked()
	case typeClose:
		s.clientCloseLocked()
		s.mu.Unlock()
		return errSessionClosed
	case typePing: // "Heartbeat": in this revision the server pings
		s.abortLocked(TransportError, closePacket)
		s.mu.Unlock()
		return errInvalidPacket
	default: // an open, an upgrade or a noop says nothing here
	}
	s.mu.Unlock()
	return nil
}

// unlockAndTell unlocks the session and, if it is not open any more, has the
// receiver told, unless somebody who is calling it does that later.
func (s *Session) unlockAndNotify() {
	tell := s.state != stateOpen && !s.receiving && !s.closeNotified
	s.closeNotified = s.closeNotified || tell
	s.mu.Unlock()
	if tell && !s.server.options.Loop.Go(s.notifyClosed) {
		s.notifyClosed() // the loop has ended, and its goroutines with it
	}
}

// callClosed is on no request's goroutine, so a panic stops here.
func (s *Session) notifyClosed() {
	returned := false
	defer func() {
		if !returned {
			s.server.options.Panicked(recover(), debug.Stack())
		}
	}()
	if s.receiver != nil {
		s.receiver.Closed(s.reason)
	}
	returned = true
}

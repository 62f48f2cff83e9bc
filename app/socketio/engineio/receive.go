package engineio

import (
	"errors"
	"runtime/debug"
)

// errEnded says that a packet was not looked at, because of one before it.
var errEnded = errors.New("the session has ended")

// enter begins a time in which the receiver is called; false if the session is
// not open any more. leave ends it.
func (s *Session) enter() bool {
	s.recv.Lock()
	s.mu.Lock()
	s.receiving = s.state == open
	ok := s.receiving
	s.mu.Unlock()
	if !ok {
		s.recv.Unlock()
	}
	return ok
}

func (s *Session) leave() {
	s.mu.Lock()
	s.receiving = false
	s.unlockAndTell()
	s.recv.Unlock()
}

// receive acts on a packet from the transport that the session is on. The
// caller has entered. An error says that the session has ended.
func (s *Session) receive(p packet) error {
	s.mu.Lock()
	if s.state != open {
		s.mu.Unlock()
		return errEnded
	}
	s.heard = true
	switch p.kind {
	case typeMessage:
		s.mu.Unlock()
		s.receiver.Message(p.data, p.binary)
		return nil
	case typePong:
		s.pongLocked()
	case typeClose:
		s.departLocked()
		s.mu.Unlock()
		return errEnded
	case typePing: // "Heartbeat": in this revision the server pings
		s.endLocked(TransportError, closePacket)
		s.mu.Unlock()
		return errPacket
	default: // an open, an upgrade or a noop says nothing here
	}
	s.mu.Unlock()
	return nil
}

// unlockAndTell unlocks the session and, if it is not open any more, has the
// receiver told, unless somebody who is calling it does that later.
func (s *Session) unlockAndTell() {
	tell := s.state != open && !s.receiving && !s.told
	s.told = s.told || tell
	s.mu.Unlock()
	if tell && !s.server.o.Loop.Go(s.callClosed) {
		s.callClosed() // the loop has ended, and its goroutines with it
	}
}

// callClosed is on no request's goroutine, so a panic stops here.
func (s *Session) callClosed() {
	returned := false
	defer func() {
		if !returned {
			s.server.o.Panicked(recover(), debug.Stack())
		}
	}()
	if s.receiver != nil {
		s.receiver.Closed(s.reason)
	}
	returned = true
}

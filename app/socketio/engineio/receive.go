package engineio

import (
	"errors"
	"runtime/debug"
)

// errSessionClosed reports that a packet was ignored because the session is
// closed.
var errSessionClosed = errors.New("the session is closed")

// beginReceive locks recvMu, so that the receiver may be called until
// endReceive. If the session is not open, it returns false without the lock.
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

// receive handles a packet from the session's transport, between beginReceive
// and endReceive. An error means that the session has been closed.
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
	case typePing: // "Heartbeat": only the server sends pings
		s.abortLocked(TransportError, closePacket)
		s.mu.Unlock()
		return errInvalidPacket
	default: // an open, upgrade or noop packet has no meaning here
	}
	s.mu.Unlock()
	return nil
}

// unlockAndNotify unlocks the session and, if it is no longer open, has
// Receiver.Closed called. If another goroutine is calling the receiver, that
// one does it in endReceive.
func (s *Session) unlockAndNotify() {
	notify := s.state != stateOpen && !s.receiving && !s.closeNotified
	s.closeNotified = s.closeNotified || notify
	s.mu.Unlock()
	if notify && !s.server.options.Loop.Go(s.notifyClosed) {
		s.notifyClosed() // the loop has stopped
	}
}

// notifyClosed calls Receiver.Closed and contains its panics: it runs on a
// goroutine of the loop.
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

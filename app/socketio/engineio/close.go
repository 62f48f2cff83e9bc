package engineio

import (
	"time"

	"smart-factory-backend/app/websocket"
)

const (
	// closeWait is how long a closed session waits for the poll that takes the
	// news, as in the reference server.
	closeTimeout = 30 * time.Second
	// departWait is how long the poll of a client that has left may be on its
	// way: it was sent at the same time, on another connection.
	clientCloseTimeout = time.Second
)

// Close ends the session: the client gets what waits for it and then learns of
// the end, on a WebSocket by its closing handshake and while polling by a
// close packet. Receiver.Closed gets the reason, unless the session has ended
// for another. Nothing more is received.
func (s *Session) Close(reason Reason) { s.close(reason, websocket.NormalClosure) }

// Fail is Close for a fault of the program's own, such as a panic: a WebSocket
// is closed with 1011.
func (s *Session) Fail(reason Reason) { s.close(reason, websocket.InternalError) }

func (s *Session) close(reason Reason, code int) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.reason = reason
	s.state = stateClosing
	if s.socket != nil {
		s.socket.conn.Close(code, string(reason))
		s.removeLocked()
	} else {
		s.removeAfterLocked(closeTimeout)
		s.poll.wake() // it takes what waits, and the close packet
	}
	s.unlockAndNotify()
}

// endLocked ends the session at once, for a fault of the client's or because
// it is gone. What waits is dropped; a poll gets last. The caller goes on with
// unlockAndTell.
func (s *Session) abortLocked(reason Reason, last *Message) {
	if s.state == stateRemoved {
		return
	}
	if s.state == stateOpen {
		s.reason = reason
		if reason == SlowClient {
			s.server.slow.Add(1)
		}
	}
	s.state = stateRemoved
	if s.poll != nil {
		s.poll.closing = last
		s.poll.wake()
		s.poll = nil
	}
	if s.socket != nil && reason != SlowClient { // that was told by its connection
		s.socket.conn.Close(closeCode(reason), string(reason))
	}
	s.removeLocked()
}

func closeCode(reason Reason) int {
	switch reason {
	case ParseError, TransportError:
		return websocket.ProtocolError
	case ServerShutdown:
		return websocket.GoingAway
	default:
		return websocket.NormalClosure
	}
}

// departLocked ends the session because the client says so ("Protocol", the
// close packet). What waits is dropped: nobody wants it. A poll is answered
// with a noop, also if it comes in just now, on another connection than the
// packet.
func (s *Session) clientCloseLocked() {
	if s.state != stateOpen || s.socket != nil || s.poll != nil {
		s.abortLocked(TransportClose, noopPacket)
		return
	}
	s.reason = TransportClose
	s.state = stateClientClosed
	s.queue.clear()
	if s.probe != nil {
		s.probe.closeProbeLocked()
	}
	s.removeAfterLocked(clientCloseTimeout)
}

// overLocked takes the session out of the table, with all that belongs to it.
func (s *Session) removeLocked() {
	s.state = stateRemoved
	s.queue.clear()
	s.Loop().StopTimer(&s.timer)
	if s.probe != nil {
		s.probe.closeProbeLocked()
	}
	s.server.table.remove(s.id)
}

// waitLocked gives a session that is about to end some time.
func (s *Session) removeAfterLocked(d time.Duration) {
	s.deadline = s.server.now() + int64(d)
	s.Loop().SetTimer(&s.timer, d, s.onTimer)
}

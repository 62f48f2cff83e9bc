package engineio

import (
	"time"

	"smart-factory-backend/app/websocket"
)

const (
	// closeWait is how long a closed session waits for the poll that takes the
	// news, as in the reference server.
	closeWait = 30 * time.Second
	// departWait is how long the poll of a client that has left may be on its
	// way: it was sent at the same time, on another connection.
	departWait = time.Second
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
	if s.state != open {
		s.mu.Unlock()
		return
	}
	s.reason = reason
	s.state = closing
	if s.socket != nil {
		s.socket.conn.Close(code, string(reason))
		s.overLocked()
	} else {
		s.waitLocked(closeWait)
		s.poll.awake() // it takes what waits, and the close packet
	}
	s.unlockAndTell()
}

// endLocked ends the session at once, for a fault of the client's or because
// it is gone. What waits is dropped; a poll gets last. The caller goes on with
// unlockAndTell.
func (s *Session) endLocked(reason Reason, last *Message) {
	if s.state == over {
		return
	}
	if s.state == open {
		s.reason = reason
		if reason == SlowClient {
			s.server.slow.Add(1)
		}
	}
	s.state = over
	if s.poll != nil {
		s.poll.last = last
		s.poll.awake()
		s.poll = nil
	}
	if s.socket != nil && reason != SlowClient { // that was told by its connection
		s.socket.conn.Close(closeCode(reason), string(reason))
	}
	s.overLocked()
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
func (s *Session) departLocked() {
	if s.state != open || s.socket != nil || s.poll != nil {
		s.endLocked(TransportClose, noopPacket)
		return
	}
	s.reason = TransportClose
	s.state = leaving
	s.queue.drop()
	if s.probe != nil {
		s.probe.abandonLocked()
	}
	s.waitLocked(departWait)
}

// overLocked takes the session out of the table, with all that belongs to it.
func (s *Session) overLocked() {
	s.state = over
	s.queue.drop()
	s.Loop().Stop(&s.timer)
	if s.probe != nil {
		s.probe.abandonLocked()
	}
	s.server.table.remove(s.id)
}

// waitLocked gives a session that is about to end some time.
func (s *Session) waitLocked(d time.Duration) {
	s.due = s.server.now() + int64(d)
	s.Loop().After(&s.timer, d, s.tick)
}

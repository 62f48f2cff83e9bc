package engineio

import (
	"time"

	"smart-factory-backend/app/websocket"
)

const (
	// closeTimeout is how long a closed session waits for the poll that
	// fetches the close packet, as in the reference server.
	closeTimeout = 30 * time.Second
	// sessionCost is what an idle session holds, with the objects of its receiver.
	sessionCost = 2 << 10
	// clientCloseTimeout is how long a session that its client has closed
	// waits for a poll sent at the same time on another connection.
	clientCloseTimeout = time.Second
)

// Close closes the session: the client gets what is queued and then a close
// packet, or a closing handshake on a WebSocket. Nothing more is received.
// Receiver.Closed gets the reason, unless the session is closed already.
func (s *Session) Close(reason Reason) { s.close(reason, websocket.NormalClosure) }

// Fail is Close after an error in the program, such as a panic: a WebSocket is
// closed with 1011.
func (s *Session) Fail(reason Reason) { s.close(reason, websocket.InternalError) }

// Abort ends the session at once: what is queued is dropped, and a waiting poll
// gets a close packet. Use it for a client that has no claim to more.
func (s *Session) Abort(reason Reason) {
	s.mu.Lock()
	s.abortLocked(reason, closePacket)
	s.unlockAndNotify()
}

// Evict ends the session because it holds too much memory.
func (s *Session) Evict() { s.Abort(OutOfMemory) }

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
		s.poll.wake() // which fetches the queue or the close packet
	}
	s.unlockAndNotify()
}

// abortLocked ends the session at once, because the client violated the
// protocol or is gone. The queue is dropped, and a waiting poll gets response.
// The caller unlocks with unlockAndNotify.
func (s *Session) abortLocked(reason Reason, response *Message) {
	if s.state == stateRemoved {
		return
	}
	if s.state == stateOpen {
		s.reason = reason
		if reason == SlowClient {
			s.server.slow.Add(1)
		}
	}
	if s.poll != nil {
		s.poll.closing = response
		s.poll.wake()
		s.poll = nil
	}
	if s.socket != nil && reason == OutOfMemory {
		s.socket.conn.Evict()
	} else if s.socket != nil && reason != SlowClient { // else the connection has sent its close frame
		s.socket.conn.Close(closeCode(reason), string(reason))
	}
	s.removeLocked()
}

// clientCloseLocked handles a close packet. The queue is dropped. A poll gets a
// noop, even if it arrives after the close packet from another connection.
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

// removeLocked removes the session from the table and releases its timer,
// queue and probe.
func (s *Session) removeLocked() {
	s.state = stateRemoved
	s.queue.clear()
	s.Loop().StopTimer(&s.timer)
	if s.probe != nil {
		s.probe.closeProbeLocked()
	}
	s.server.table.remove(s.id)
	s.account.Close()
	if s.lease != nil {
		s.lease.Release()
	}
}

// removeAfterLocked has onTimer remove a closed session after d.
func (s *Session) removeAfterLocked(d time.Duration) {
	s.deadline = s.server.now() + int64(d)
	s.Loop().SetTimer(&s.timer, d, s.onTimer)
}

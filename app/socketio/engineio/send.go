package engineio

import (
	"errors"

	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// Send queues messages with nothing in between, in order with everything else
// that is sent, and does not block. If more than Options.QueueLimit is queued,
// the session is closed as a slow client. The error is ErrClosed.
func (s *Session) Send(ms ...*Message) error {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.socket != nil {
		conn := s.socket.conn // which keeps the order; the session stays on it
		s.mu.Unlock()
		return s.sendFrames(conn, ms)
	}
	for _, m := range ms {
		s.queue.push(0, m)
	}
	return s.enqueuedLocked(len(ms))
}

// SendLatest is Send for a message of which only the newest value matters: it
// replaces a queued message with the same key if more than
// Options.ReplaceAbove bytes are queued. 0 means no key.
func (s *Session) SendLatest(key eventloop.Key, m *Message) error {
	if key == 0 {
		return s.Send(m)
	}
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.socket != nil {
		conn := s.socket.conn
		s.mu.Unlock()
		return s.sendResult(conn.SendLatest(key, m.frame))
	}
	if s.queue.size > s.server.options.ReplaceAbove && s.queue.replace(key, m) {
		s.server.replaced.Add(1)
	} else {
		s.queue.push(key, m)
	}
	return s.enqueuedLocked(1)
}

// enqueuedLocked wakes a waiting poll, or closes a slow client, and unlocks.
// The n newest messages alone may exceed the limit, else they could never be
// sent.
func (s *Session) enqueuedLocked(n int) error {
	if s.queue.cost() > s.server.options.QueueLimit && len(s.queue.items) > n {
		s.abortLocked(SlowClient, closePacket)
		s.unlockAndNotify()
		return ErrClosed
	}
	if s.account.Excessive() {
		s.account.MarkEvicted()
		s.abortLocked(OutOfMemory, closePacket)
		s.unlockAndNotify()
		return ErrClosed
	}
	s.poll.wake()
	s.mu.Unlock()
	return nil
}

// sendFrames sends on the session's WebSocket.
func (s *Session) sendFrames(conn *websocket.Conn, ms []*Message) error {
	if len(ms) == 1 {
		return s.sendResult(conn.Send(ms[0].frame))
	}
	frames := make([]*websocket.Message, len(ms))
	for i, m := range ms {
		frames[i] = m.frame
	}
	return s.sendResult(conn.Send(frames...))
}

// sendResult handles the error of sending on a WebSocket. A slow client's
// session ends at once, although its connection is given time to close.
func (s *Session) sendResult(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, eventloop.ErrSlowClient) {
		s.mu.Lock()
		s.abortLocked(SlowClient, closePacket)
		s.unlockAndNotify()
	}
	return ErrClosed
}

// Writable reports whether a message would leave at once: a poll waits, or the
// WebSocket has nothing queued. Use it for messages that are worthless later.
func (s *Session) Writable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != stateOpen:
		return false
	case s.socket != nil:
		return s.socket.conn.Queued() == 0
	}
	return s.poll != nil && len(s.queue.items) == 0
}

// sendPacketLocked queues a packet that is not a message. No limit applies.
func (s *Session) sendPacketLocked(p *Message) {
	if s.socket != nil {
		_ = s.socket.conn.Send(p.frame) // if it fails, socket.Closed follows
		return
	}
	s.queue.push(0, p)
	s.poll.wake()
}

package engineio

import (
	"errors"
	"sync"

	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// Receiver is who a session's messages are for. Its methods are never called
// concurrently for one session, whatever transport it is on.
type Receiver interface {
	// Message is a message from the client. data is valid until it returns. It
	// may block, which holds up this session alone.
	Message(data []byte, binary bool)
	// Closed is the last call, made exactly once. The session sends and
	// receives nothing any more.
	Closed(reason Reason)
}

// state is how far a session has come.
type sessionState byte

const (
	stateOpen sessionState = iota
	// closing: this side has closed it. The client has yet to fetch what waits,
	// and learns of the end after it.
	stateClosing
	// leaving: the client has closed it. A poll of its may be on the way, and
	// still gets an answer.
	stateClientClosed
	// over: it is out of the table.
	stateRemoved
)

// Session is one client, on whichever transport it is at the moment.
type Session struct {
	server    *Server
	id        string
	receiver  Receiver
	handshake Handshake

	// recv is held while the receiver is called.
	recvMu sync.Mutex

	mu                sync.Mutex
	state             sessionState
	receiving         bool // somebody is in recv, and tells the end when leaving it
	closeNotified     bool // the receiver is being told the end
	posting           bool // a POST is being served
	awaitingPong      bool // a ping is out
	receivedSincePing bool // something came in since the ping
	reason            Reason
	deadline          int64        // when the heartbeat or the end is, by Server.now
	poll              *poll        // the GET that waits
	socket            *socket      // the WebSocket that the session is on; nil while polling
	probe             *socket      // the WebSocket that it may move to
	queue             pollingQueue // what waits for a poll
	timer             eventloop.Timer
}

// ID is the session's id, 20 characters. Who knows it can speak for the
// client: it is not for other people.
func (s *Session) ID() string { return s.id }

// Handshake is what is known of the request that began the session.
func (s *Session) Handshake() *Handshake { return &s.handshake }

// Receiver is what Options.Open has returned; nil before.
func (s *Session) Receiver() Receiver {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receiver
}

// Loop is the loop that the session's timer is in.
func (s *Session) Loop() *eventloop.Loop { return s.server.options.Loop }

// Transport is "polling" or "websocket", as it is now.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != nil {
		return webSocket
	}
	return polling
}

// Send queues messages to the client in one piece, in order with everything
// else that is sent, and does not block. Past Options.QueueLimit the session
// ends. The error is ErrClosed.
func (s *Session) Send(ms ...*Message) error {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.socket != nil {
		// Here the order is the connection's: the session stays on it.
		conn := s.socket.conn
		s.mu.Unlock()
		return s.sendFrames(conn, ms)
	}
	for _, m := range ms {
		s.queue.push(0, m)
	}
	return s.enqueuedLocked(len(ms))
}

// SendLatest is Send for a message of which only the newest matters: it takes
// the place of one with the same key that still waits, if as much waits as
// Options.ReplaceAbove says. A key of 0 is none.
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

// queuedLocked ends the session if more waits than may, and else has a poll
// take it. The n newest may be larger than the limit by themselves. It unlocks.
func (s *Session) enqueuedLocked(n int) error {
	if s.queue.size > s.server.options.QueueLimit && len(s.queue.items) > n {
		s.abortLocked(SlowClient, closePacket)
		s.unlockAndNotify()
		return ErrClosed
	}
	s.poll.wake()
	s.mu.Unlock()
	return nil
}

// sendFrames sends on the WebSocket that the session is on.
func (s *Session) sendFrames(conn *websocket.Conn, ms []*Message) error {
	if len(ms) == 1 {
		return s.sendResult(conn.Send(ms[0].frame))
	}
	return s.sendResult(conn.Send(frames(ms)...))
}

// sent ends a session whose client reads too slowly. Its connection has been
// ended, and takes its time.
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

func frames(ms []*Message) []*websocket.Message {
	fs := make([]*websocket.Message, len(ms))
	for i, m := range ms {
		fs[i] = m.frame
	}
	return fs
}

// Writable reports whether a message would leave at once: a poll waits for one,
// or the WebSocket has nothing unsent. It is for messages that are worth
// nothing later.
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

// sendLocked queues a packet of the protocol, which is subject to no limit.
func (s *Session) sendPacketLocked(p *Message) {
	if s.socket != nil {
		_ = s.socket.conn.Send(p.frame) // if it fails, Closed follows
		return
	}
	s.queue.push(0, p)
	s.poll.wake()
}

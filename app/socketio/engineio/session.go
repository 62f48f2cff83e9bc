package engineio

import (
	"sync"

	"smart-factory-backend/app/websocket/eventloop"
)

// Receiver handles the messages of a session. Its methods are never called
// concurrently for one session, whichever transport it uses.
type Receiver interface {
	// Message is called for each message of the client. data is valid until it
	// returns. It may block, which delays this session only.
	Message(data []byte, binary bool)
	// Closed is the last call, made exactly once. The session no longer sends
	// or receives.
	Closed(reason Reason)
}

type sessionState byte

const (
	stateOpen sessionState = iota
	// stateClosing: the server has closed the session, and the client has yet
	// to fetch what is queued and the close packet.
	stateClosing
	// stateClientClosed: the client has closed the session, and a poll that it
	// sent at the same time may still arrive.
	stateClientClosed
	// stateRemoved: the session is no longer in the session table.
	stateRemoved
)

// Session is the connection of one client, on its current transport.
type Session struct {
	server    *Server
	id        string
	receiver  Receiver
	handshake Handshake
	lease     Lease // nil if the program sets no limits

	// recvMu is held while the receiver is called.
	recvMu sync.Mutex

	mu                sync.Mutex
	state             sessionState
	receiving         bool // a goroutine holds recvMu; it calls Closed if necessary
	closeNotified     bool // Receiver.Closed is being called or was called
	posting           bool // a POST is being handled
	awaitingPong      bool
	receivedSincePing bool
	reason            Reason
	deadline          int64   // of the ping, the pong or the removal, by Server.now
	pollDeadline      int64   // of the next poll; applies while neither a poll nor a WebSocket is open
	poll              *poll   // the waiting GET
	socket            *socket // the session's WebSocket; nil while polling
	probe             *socket // the WebSocket that an upgrade probes
	account           eventloop.Account
	queue             pollingQueue
	timer             eventloop.Timer
}

// ID returns the session id ("sid"), 20 characters. Whoever knows it can send
// and receive as the client, so keep it secret.
func (s *Session) ID() string { return s.id }

// Handshake returns the request that opened the session.
func (s *Session) Handshake() *Handshake { return &s.handshake }

// Account returns what the session is charged for, besides the queue of its
// WebSocket. The receiver charges what it holds for the client.
func (s *Session) Account() *eventloop.Account { return &s.account }

// SetMemoryLimit bounds what the session may hold, on its present transport; with
// more it is evicted. 0 removes the bound.
func (s *Session) SetMemoryLimit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account.SetLimit(n)
	if s.socket != nil {
		s.socket.conn.Account().SetLimit(n)
	}
}

// Lease returns the result of Options.Acquire.
func (s *Session) Lease() Lease { return s.lease }

// Receiver returns the result of Options.Open, nil before it has returned.
func (s *Session) Receiver() Receiver {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receiver
}

// Loop returns the event loop that holds the session's timer.
func (s *Session) Loop() *eventloop.Loop { return s.server.options.Loop }

// Transport returns the current transport: "polling" or "websocket".
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != nil {
		return webSocket
	}
	return polling
}

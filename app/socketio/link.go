package socketio

import "time"

// Conn is the session that a socket's packets go through.
type Conn interface {
	// ID is the session's, which is secret between server and client.
	ID() string
	// Transport is "polling" or "websocket", as it is now.
	Transport() string
	// Close ends the session, and with it all sockets of the client.
	Close(reason Reason)
}

// link is what a client needs of its session.
type link interface {
	Conn
	Handshake() *Handshake
	// Send queues messages in one piece and does not block.
	Send(ms ...*message) error
	// Writable reports whether a message would leave at once.
	Writable() bool
	// Crash ends the session because a handler has panicked.
	Crash()
	// Go runs f on another goroutine; false if that is not possible any more.
	Go(f func()) bool
	// After has f called, which does not block; Stop prevents it.
	After(t *timer, d time.Duration, f func())
	Stop(t *timer)
}

// message is one message of a session.
type message struct {
	data   []byte
	binary bool
}

type timer struct{ t *time.Timer }

func newText(parts ...[]byte) *message {
	m := &message{}
	for _, p := range parts {
		m.data = append(m.data, p...)
	}
	return m
}

func newBinary(b []byte) *message { return &message{data: b, binary: true} }

package engineio

import (
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/websocket/eventloop"
)

// Wait is the wait of a request's handler. Wait returns after Wake, or true when
// the request's client has disconnected; it is called once. Wake does not block
// and may be called at any time and any number of times.
type Wait = interface {
	Wait() (disconnected bool)
	Wake()
}

// Lease is what a session holds of the limits that the program sets.
type Lease interface{ Release() }

// Options configure a Server. Loop, Detach, Await and Open are required. For
// every other field the zero value selects what its comment says.
type Options struct {
	// Loop serves the WebSockets and holds the timers. The caller runs it.
	Loop *eventloop.Loop
	// Detach takes the request's connection out of the HTTP server and passes
	// it to f once the response is sent, as cluster.Detach does.
	Detach func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport))
	// Await returns the wait of a poll, as cluster.NewWait does.
	Await func(ctx *fasthttp.RequestCtx) Wait
	// Progress is called after each packet of a POST, whose handler may take long if
	// the receiver is slow. May be nil.
	Progress func(ctx *fasthttp.RequestCtx)
	// Open is called for each new session before anything is received, and
	// returns its receiver. It may send messages and close the session.
	Open func(s *Session) Receiver

	// PingInterval is the time between pings, and PingTimeout how long the
	// client has to answer with a pong ("Heartbeat"). Default: 25 s and 20 s.
	PingInterval, PingTimeout time.Duration
	// PollTimeout is how long a polling client may go without a poll before its
	// session ends: its connection may be gone without notice. The time to
	// receive the last response is added, at 16 KiB/s. Default: 9 s.
	PollTimeout time.Duration
	// UpgradeTimeout is how long an upgrade may take before its WebSocket is
	// closed and the session stays on polling. Default: 10 s.
	UpgradeTimeout time.Duration
	// MaxPayload is the largest message and the largest payload in bytes, in
	// both directions. A larger single message is sent nevertheless. Default:
	// 1 000 000.
	MaxPayload int
	// QueueLimit is how many bytes may be queued for a client before it is
	// closed as a slow client. A single message may be larger. Default: 1 MiB.
	QueueLimit int
	// ReplaceAbove is how many bytes must be queued for a polling client
	// before Session.SendLatest replaces a message: between two polls
	// something is queued for every client. 0 always replaces.
	ReplaceAbove int
	// BodyLimit limits the memory of all request bodies that are being read
	// and, separately, that of all partial WebSocket messages, in bytes.
	// Default: 64 MiB.
	BodyLimit int
	// MaxSessions is the largest number of sessions. 0 means no limit.
	MaxSessions int
	// Deflate enables permessage-deflate. It compresses messages of 256 bytes
	// and more, except Message.Uncompressed.
	Deflate bool

	// NoPolling and NoWebSocket disable a transport, NoUpgrades the upgrade
	// from the first to the second.
	NoPolling, NoWebSocket, NoUpgrades bool

	// Allow is called for each new session. If it returns an error, the
	// response is 403 with the error's text, or has the status and Retry-After
	// of the error's method HTTPStatus. nil allows all.
	Allow func(ctx *fasthttp.RequestCtx) error
	// Acquire is called when a session starts, with the result of ClientAddr.
	// The lease is released when the session has ended. If it returns an error,
	// the session does not start. nil admits all.
	Acquire func(addr string) (Lease, error)
	// AllowOrigin is called for requests with an Origin header. nil allows all.
	AllowOrigin func(origin []byte) bool
	// AllowUpgrade is called before each WebSocket handshake. If it returns
	// false, the response is 503. nil allows all.
	AllowUpgrade func() bool
	// ClientAddr returns the client's address. nil uses the connection's IP.
	ClientAddr func(ctx *fasthttp.RequestCtx) string
	// Secure reports whether the client uses TLS. nil asks the connection.
	Secure func(ctx *fasthttp.RequestCtx) bool

	// Refused is called for each refused request with the code and the message
	// that the client gets. The reference server calls it "connection_error".
	// May be nil.
	Refused func(ctx *fasthttp.RequestCtx, code int, message string)
	// Upgraded is called for each session that was upgraded to a WebSocket.
	// May be nil.
	Upgraded func(s *Session)
	// Panicked is called after a contained panic in Receiver.Closed. May be nil.
	Panicked func(value any, stack []byte)
}

func (o *Options) setDefaults() {
	setDefault(&o.PingInterval, 25*time.Second)
	setDefault(&o.PingTimeout, 20*time.Second)
	setDefault(&o.PollTimeout, 9*time.Second)
	setDefault(&o.UpgradeTimeout, 10*time.Second)
	setDefault(&o.MaxPayload, 1_000_000)
	setDefault(&o.QueueLimit, 1<<20)
	setDefault(&o.BodyLimit, 64<<20)
	if o.Allow == nil {
		o.Allow = func(*fasthttp.RequestCtx) error { return nil }
	}
	if o.Acquire == nil {
		o.Acquire = func(string) (Lease, error) { return nil, nil }
	}
	if o.AllowOrigin == nil {
		o.AllowOrigin = func([]byte) bool { return true }
	}
	if o.AllowUpgrade == nil {
		o.AllowUpgrade = func() bool { return true }
	}
	if o.ClientAddr == nil {
		o.ClientAddr = func(ctx *fasthttp.RequestCtx) string { return ctx.RemoteIP().String() }
	}
	if o.Secure == nil {
		o.Secure = (*fasthttp.RequestCtx).IsTLS
	}
	if o.Progress == nil {
		o.Progress = func(*fasthttp.RequestCtx) {}
	}
	if o.Refused == nil {
		o.Refused = func(*fasthttp.RequestCtx, int, string) {}
	}
	if o.Upgraded == nil {
		o.Upgraded = func(*Session) {}
	}
	if o.Panicked == nil {
		o.Panicked = func(any, []byte) {}
	}
}

func setDefault[T int | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

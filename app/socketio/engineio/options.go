package engineio

import (
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/websocket/eventloop"
)

// Wait is a handler's wait. Wait returns after Wake, or with true when the
// request's client has gone; it is called once. Wake may be called before,
// meanwhile and after, any number of times, and does not block.
type Wait = interface {
	Wait() (gone bool)
	Wake()
}

// Options configure a Server. Loop, Detach, Await and Open are mandatory; the zero
// value of every other field means what its comment says.
type Options struct {
	// Loop serves the WebSockets and holds the timers. The caller runs it.
	Loop *eventloop.Loop
	// Detach hands the request's connection over once the response is sent, as
	// cluster.Detach does.
	Detach func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport))
	// Await makes the wait of a poll for something to tell its client, as
	// cluster.NewWait does.
	Await func(ctx *fasthttp.RequestCtx) Wait
	// Open is called for each new session, before anything is received from
	// it, and returns who receives. It may send and close.
	Open func(s *Session) Receiver

	// PingInterval is the time between pings, and PingTimeout how long the
	// pong may take ("Heartbeat"); 25 s and 20 s.
	PingInterval, PingTimeout time.Duration
	// UpgradeTimeout is how long a WebSocket may take to prove itself before
	// it is given up and the session goes on polling; 10 s.
	UpgradeTimeout time.Duration
	// MaxPayload is the size of the largest message, and of the largest
	// payload in either direction, in bytes; 1 000 000. A payload that holds a
	// single larger message is sent all the same.
	MaxPayload int
	// QueueLimit is how many bytes may wait for a client before it is taken
	// for too slow and closed; 1 MiB. A single message may be larger.
	QueueLimit int
	// ReplaceAbove is how many bytes have to wait for a polling client before
	// Session.SendLatest replaces any of it: between two polls something waits
	// for everybody. 0 always replaces.
	ReplaceAbove int
	// BodyLimit is how many bytes all the payloads that are being received may
	// take together, and beside them all the messages on WebSockets; 64 MiB.
	BodyLimit int
	// MaxSessions is how many sessions there may be; 0 is any number.
	MaxSessions int
	// Deflate has permessage-deflate negotiated. Messages of 256 bytes and more
	// are then compressed, unless Message.Uncompressed says otherwise.
	Deflate bool

	// NoPolling, NoWebSocket and NoUpgrades switch off a transport, or the
	// move from the first to the second.
	NoPolling, NoWebSocket, NoUpgrades bool

	// Allow admits a new session unless it returns an error, whose text the
	// client gets with a 403; nil admits all.
	Allow func(ctx *fasthttp.RequestCtx) error
	// AllowOrigin decides on requests that have an Origin; nil allows all.
	AllowOrigin func(origin []byte) bool
	// AllowUpgrade is asked before each WebSocket handshake; false refuses it
	// with 503. nil allows all.
	AllowUpgrade func() bool
	// ClientAddr tells the address of the client; nil is the connection's IP.
	ClientAddr func(ctx *fasthttp.RequestCtx) string
	// Secure tells whether the client speaks TLS; nil looks at the connection.
	Secure func(ctx *fasthttp.RequestCtx) bool

	// Refused is told of each request that is refused, with the code and the
	// message that the client gets: what the reference server calls a connection
	// error. Upgraded is told of each session that has moved to a WebSocket. nil
	// tells nobody.
	Refused  func(ctx *fasthttp.RequestCtx, code int, message string)
	Upgraded func(s *Session)

	// Panicked is told of a panic in a Receiver that was called outside of any
	// request, which is contained. nil tells nobody.
	Panicked func(value any, stack []byte)
}

func (o *Options) setDefaults() {
	orDuration(&o.PingInterval, 25*time.Second)
	orDuration(&o.PingTimeout, 20*time.Second)
	orDuration(&o.UpgradeTimeout, 10*time.Second)
	orInt(&o.MaxPayload, 1_000_000)
	orInt(&o.QueueLimit, 1<<20)
	orInt(&o.BodyLimit, 64<<20)
	if o.Allow == nil {
		o.Allow = func(*fasthttp.RequestCtx) error { return nil }
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

func orDuration(d *time.Duration, otherwise time.Duration) {
	if *d <= 0 {
		*d = otherwise
	}
}

func orInt(n *int, otherwise int) {
	if *n <= 0 {
		*n = otherwise
	}
}

package live

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// Latest reads the latest committed readings. A factory.Store is one.
type Latest interface {
	Latest(ctx context.Context, q factory.LatestQuery) (factory.LatestPage, error)
}

// Options configure New.
type Options struct {
	// Latest is the source of a room's first snapshot. Required.
	Latest Latest
	// Placement returns where a machine is installed, zero and false if that is not
	// known. It must neither block nor call the Server. Nil: there are no lines.
	Placement func(machine string) (factory.Placement, bool)
	// Broker connects the rooms with those of other processes. Nil: there are none.
	Broker hub.Broker
	// OnBrokerState, if set, receives nil when the broker connects and the reason
	// when it disconnects.
	OnBrokerState func(err error)
	// Keys authorize what sessions do. Required.
	Keys *access.Keys
	// Authenticate returns whose key a Socket.IO client has sent: token of its
	// CONNECT packet, or if that is empty, in the headers of its handshake. The text
	// of its error is for the client. Nil: only token is used.
	Authenticate func(addr netip.Addr, token string, header func(name string) string) (access.Principal, error)
	// Ingest commits telemetry in the format of POST /api/v1/telemetry. It must
	// not retain body. Nil: telemetry is refused.
	Ingest func(ctx context.Context, body []byte) IngestResult
	// CheckRate, if set, is called before each request of a session. A result
	// other than "" refuses the request and is sent to the client.
	CheckRate func(Caller) (refusal string)
	// Limits bound the number of sessions.
	Limits Limits
	// Conn configures the connections of clients. A Server without Conn.Loop
	// accepts none.
	Conn ConnOptions

	// Interval is the shortest time between two telemetry events of a room
	// (100 ms).
	Interval time.Duration
	// MaxRooms is the number of rooms that one session may subscribe to (100).
	MaxRooms int
	// SnapshotTimeout limits how long the store may take to load a room (10 s).
	SnapshotTimeout time.Duration
	// ResyncInterval is the shortest time between two resyncs of a room (1 s).
	ResyncInterval time.Duration
	// Heartbeat is the time between two pings of a client (25 s).
	Heartbeat time.Duration
	// OnPanic, if set, receives each panic that was recovered in a goroutine of
	// the Server.
	OnPanic func(value any, stack []byte)
}

// ConnOptions configure the connections of clients.
type ConnOptions struct {
	// Loop serves the connections. The caller runs it. Loop, Detach and Await are
	// required.
	Loop *eventloop.Loop
	// Detach passes the connection of a request to f after the response is sent.
	Detach func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport))
	// Await returns how a long poll waits. The wait ends when its client
	// disconnects.
	Await func(ctx *fasthttp.RequestCtx) engineio.Wait
	// AllowOrigin reports whether a web page may open a session. It is called only
	// for requests with an Origin header. Nil: every page may.
	AllowOrigin func(ctx *fasthttp.RequestCtx) bool
	// Subprotocol is the prefix of a WebSocket subprotocol that carries an API key.
	// The first one that a client offers is accepted, as browsers demand. "": none is.
	Subprotocol string
	// Refuse writes the response to a failed handshake. Nil: each transport writes
	// its own.
	Refuse func(ctx *fasthttp.RequestCtx, status int, reason error)
	// Draining reports that no session may start any more. Nil: never.
	Draining func() bool
	// QueueBytes bounds the bytes queued for a client, MaxPayload the size of a
	// message from a client (1 MiB each).
	QueueBytes, MaxPayload int
	// Compress accepts permessage-deflate.
	Compress bool
	// SocketIO configures the Socket.IO server. New overwrites what the other
	// fields and the Limits determine.
	SocketIO socketio.Options
}

// Caller identifies the client of a request.
type Caller struct {
	Addr netip.Addr
	// Principal is the owner of the request's API key, zero without a key.
	Principal access.Principal
}

func (o *Options) setDefaults() {
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&o.Interval, 100*time.Millisecond)
	set(&o.SnapshotTimeout, 10*time.Second)
	set(&o.ResyncInterval, time.Second)
	set(&o.Heartbeat, 25*time.Second)
	if o.MaxRooms <= 0 {
		o.MaxRooms = 100
	}
	if o.Authenticate == nil {
		o.Authenticate = func(_ netip.Addr, token string, _ func(string) string) (access.Principal, error) {
			if p, ok := o.Keys.Authenticate([]byte(token)); ok || o.Keys.Unrestricted() {
				return p, nil
			}
			return access.Principal{}, errors.New("a valid API key is needed: auth.token")
		}
	}
	if o.OnPanic == nil {
		o.OnPanic = func(any, []byte) {}
	}
}

func (o *ConnOptions) setDefaults() error {
	if o.Loop == nil || o.Detach == nil || o.Await == nil {
		return errors.New("live: Conn.Loop, Conn.Detach and Conn.Await are required")
	}
	if o.AllowOrigin == nil {
		o.AllowOrigin = func(*fasthttp.RequestCtx) bool { return true }
	}
	if o.Draining == nil {
		o.Draining = func() bool { return false }
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 1 << 20
	}
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1 << 20
	}
	return nil
}

package socketio

import (
	"cmp"
	"time"

	"smart-factory-backend/app/socketio/engineio"
)

// Options configure a Server. The comment of a field names the default that
// replaces its zero value.
type Options struct {
	// Engine configures the Engine.IO server. If Loop is nil, the server creates
	// an event loop, which Run runs. If Detach and Await are nil, the server
	// accepts connections of any fasthttp.Server and of app/cluster. Open and
	// Upgraded are overwritten.
	Engine engineio.Options

	// ConnectTimeout is how long a client may take to join a namespace before
	// it is closed (45 s). A quarter of it, at most a second, is added for
	// network delay.
	ConnectTimeout time.Duration
	// MaxAttachments bounds the number of binary arguments of a packet (100),
	// and MaxAttachmentBytes their size (8 MiB). MaxPendingAttachmentBytes
	// bounds the attachments of the incomplete packets of all clients (64
	// MiB).
	MaxAttachments, MaxAttachmentBytes, MaxPendingAttachmentBytes int
	// MaxQueued bounds the number of events that wait for the handlers of a
	// socket (1 024), and MaxQueuedBytes their size (1 MiB). While the queue
	// is full, the server does not read from the client. While a handler waits
	// for an acknowledgement, which may arrive behind further events, the
	// queue may grow to sixteen times the bounds; then the client is closed.
	MaxQueued, MaxQueuedBytes int
	// BackpressureTimeout is how long the server may not read from a client
	// because its queue is full, before the client is closed (30 s).
	BackpressureTimeout time.Duration
	// MaxNamespaces bounds the namespaces that a client joins (100; those that
	// it has left count half while their handlers run). MaxChildNamespaces
	// bounds the namespaces that patterns create (10 000).
	MaxNamespaces, MaxChildNamespaces int
	// CleanupEmptyChildNamespaces removes a namespace that a pattern created,
	// with its adapter, when its last socket has left. It is created again for
	// the next client; sockets cannot be recovered into it. Without this
	// option, empty namespaces are removed only to make room for others.
	CleanupEmptyChildNamespaces bool
	// AckTimeout is how long broadcasts wait for acknowledgements, and
	// requests for other servers, if neither the context nor Timeout sets a
	// deadline (5 s).
	AckTimeout time.Duration
	// ShutdownTimeout bounds how long Run closes the server (10 s).
	// ShutdownSpread is the time over which Close disconnects the clients, so
	// that they do not reconnect all at once (0, all at once).
	ShutdownTimeout, ShutdownSpread time.Duration
	// NoServeClient turns off serving the official JavaScript client: Handler
	// answers GET requests for socket.io.js and its variants, socket.io.min.js,
	// socket.io.esm.min.js and socket.io.msgpack.min.js, with their source maps.
	NoServeClient bool
	// Recovery enables connection state recovery.
	Recovery *Recovery
	// Adapter creates the adapters (NewMemoryAdapter).
	Adapter AdapterFactory

	// Guard runs f. It contains and reports a panic of f, or the end of its
	// goroutine, and then calls after. The server calls it for all handlers of
	// a socket. The default reports to Panicked, if that is set.
	Guard    func(f, after func())
	Panicked func(value any, stack []byte)

	now func() time.Time
}

func (o Options) withDefaults() Options {
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 45*time.Second)
	o.MaxAttachments = cmp.Or(o.MaxAttachments, 100)
	o.MaxAttachmentBytes = cmp.Or(o.MaxAttachmentBytes, 8<<20)
	o.MaxPendingAttachmentBytes = cmp.Or(o.MaxPendingAttachmentBytes, 64<<20)
	o.MaxQueued = cmp.Or(o.MaxQueued, 1024)
	o.MaxQueuedBytes = cmp.Or(o.MaxQueuedBytes, 1<<20)
	o.BackpressureTimeout = cmp.Or(o.BackpressureTimeout, 30*time.Second)
	o.MaxNamespaces = cmp.Or(o.MaxNamespaces, 100)
	o.MaxChildNamespaces = cmp.Or(o.MaxChildNamespaces, 10_000)
	o.AckTimeout = cmp.Or(o.AckTimeout, 5*time.Second)
	o.ShutdownTimeout = cmp.Or(o.ShutdownTimeout, 10*time.Second)
	if o.Adapter == nil {
		o.Adapter = func(ns *Namespace) Adapter { return NewMemoryAdapter(ns) }
	}
	if o.Panicked == nil {
		o.Panicked = func(any, []byte) {}
	}
	if o.Guard == nil {
		o.Guard = func(f, after func()) { containPanic(f, after, o.Panicked) }
	}
	if o.Engine.Panicked == nil {
		o.Engine.Panicked = o.Panicked
	}
	if o.now == nil {
		o.now = time.Now
	}
	return o
}

// Match decides whether a namespace is created for a client that asks for it.
type Match func(name string, auth []byte) bool

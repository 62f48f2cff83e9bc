package socketio

import (
	"time"

	"smart-factory-backend/app/socketio/engineio"
)

// Options configure a Server. Zero fields have the defaults that their
// comments name.
type Options struct {
	// Engine configures the Engine.IO server. With a nil Loop the server makes
	// an event loop, which Run runs. With nil Detach and Await it serves on a
	// plain fasthttp.Server as well as on app/cluster. Open and Upgraded are
	// overwritten.
	Engine engineio.Options

	// ConnectTimeout is how long a client may take to join a namespace before
	// it is closed (45 s). A quarter of it, a second at most, is granted for the
	// way of its packets.
	ConnectTimeout time.Duration
	// MaxAttachments bounds the binary arguments of one packet (100), and
	// MaxAttachmentBytes their size (8 MiB).
	// MaxPartialBytes bounds the attachments of all clients that wait for the
	// rest of their packets (64 MiB).
	MaxAttachments, MaxAttachmentBytes, MaxPendingAttachmentBytes int
	// MaxQueued bounds the events, and MaxQueuedBytes their size, that wait
	// for the handlers of one socket (1 024 and 1 MiB). A client that sends
	// more is not read from until they are worked off. While a handler waits
	// for an acknowledgement, which may come behind them, sixteen times as
	// much may wait before the client is closed.
	MaxQueued, MaxQueuedBytes int
	// HoldTimeout is how long a client may be left unread for that (30 s);
	// then it is closed.
	BackpressureTimeout time.Duration
	// MaxNamespaces bounds the namespaces that one client joins (100; those that
	// it has left count while their handlers run, at half), and
	// MaxChildNamespaces those that exist because of a pattern (10 000).
	MaxNamespaces, MaxChildNamespaces int
	// CleanupEmptyChildNamespaces takes a namespace of a pattern away, with its
	// adapter, when the last socket has left it. It is made again when somebody
	// asks for it; with Recovery nobody can be recovered into it. Without it
	// empty ones stay until there is no room for another.
	CleanupEmptyChildNamespaces bool
	// AckTimeout is how long a broadcast waits for acknowledgements, and a
	// request for other servers, if neither the context nor Timeout says (5 s).
	AckTimeout time.Duration
	// ShutdownTimeout bounds how long Run closes the server (10 s).
	// ShutdownSpread is the time over which Close disconnects the clients, so
	// that they do not reconnect all at once (0, all at once).
	ShutdownTimeout, ShutdownSpread time.Duration
	// Recovery switches connection state recovery on.
	Recovery *Recovery
	// Adapter makes the adapters (NewMemoryAdapter).
	Adapter AdapterFactory

	// Guard runs f, contains and reports a panic or an end of the goroutine in
	// it, and then calls after. It is around all that a socket's handlers do.
	// The default contains, and tells Panicked, if that is set.
	Guard    func(f, after func())
	Panicked func(value any, stack []byte)

	now func() time.Time
}

func (o Options) withDefaults() Options {
	setDefault(&o.ConnectTimeout, 45*time.Second)
	setDefault(&o.MaxAttachments, 100)
	setDefault(&o.MaxAttachmentBytes, 8<<20)
	setDefault(&o.MaxPendingAttachmentBytes, 64<<20)
	setDefault(&o.MaxQueued, 1024)
	setDefault(&o.MaxQueuedBytes, 1<<20)
	setDefault(&o.BackpressureTimeout, 30*time.Second)
	setDefault(&o.MaxNamespaces, 100)
	setDefault(&o.MaxChildNamespaces, 10_000)
	setDefault(&o.AckTimeout, 5*time.Second)
	setDefault(&o.ShutdownTimeout, 10*time.Second)
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

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Match says whether a namespace that does not exist is made for a client
// that asks for it.
type Match func(name string, auth []byte) bool

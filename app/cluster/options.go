package cluster

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"

	"github.com/valyala/fasthttp"
)

// Options configure a Supervisor. The zero value of a field means the default
// that its comment names; Handler alone has none.
type Options struct {
	// Handler serves the requests. It may panic, call runtime.Goexit or hang;
	// see the package comment for what it must not do by itself.
	Handler fasthttp.RequestHandler

	// Server, if set, configures each worker's fasthttp server before it
	// serves: limits, timeouts, the error handler. Handler, Concurrency,
	// MaxConnsPerIP and KeepHijackedConns are overwritten; ConnState is called
	// after the worker's own. It runs once per generation.
	Server func(*fasthttp.Server)

	// Failed, if set, writes the response of a request whose handler panicked
	// or ended its goroutine. The default is a plain 500. It must not panic;
	// if it does, the plain one is sent.
	Failed func(*fasthttp.RequestCtx)

	// TLS, if set, is used to serve TLS on every connection. Its
	// GetConfigForClient or GetCertificate can follow a changing certificate.
	TLS *tls.Config

	// Host and Port are where to listen. An empty Host is every address, IPv4
	// and IPv6. Port 0 lets the kernel choose; see Supervisor.Addr.
	Host string
	Port int

	// Inherited are listening sockets opened by somebody else (systemd), used
	// instead of Host and Port. They are never closed under their owner: at
	// shutdown what waits in their queues stays there for the next process.
	// The supervisor takes over the files.
	Inherited []*os.File

	// Workers is the number of workers; 0 follows GOMAXPROCS. More than
	// GOMAXPROCS are capped, with a Capped event.
	Workers int

	// MinUptime is the least time between two recycles of a slot after
	// contained panics (1 s).
	MinUptime time.Duration
	// MaxRestarts restarts of a slot within RestartWindow happen at once (5 in
	// 30 s); more begin an exponential backoff with jitter, from BackoffMin
	// (500 ms) to BackoffMax (30 s), halved by each window without a failure.
	MaxRestarts            int
	RestartWindow          time.Duration
	BackoffMin, BackoffMax time.Duration
	// StallAfter is how long an accept loop may fail to answer, and a request
	// may stay in its handler, before the generation is abandoned (60 s).
	StallAfter time.Duration
	// AbandonLimit is how many abandoned generations may be alive at once (4).
	AbandonLimit int

	// MaxConns and MaxConnsPerAddr bound the open connections, of the process
	// and per client address (50 000 and 20 000). A few more are accepted and
	// marked (see OverLimit), so that probes are answered; the rest is closed.
	MaxConns, MaxConnsPerAddr int
	// Exempt, if set, says which peers MaxConnsPerAddr leaves alone, such as
	// a reverse proxy that brings everybody's connections.
	Exempt func(netip.Addr) bool

	// WriteTimeout is how long one write to a client may take without any
	// progress (30 s). It takes the place of fasthttp's, which bounds a
	// whole response and would cut a long stream.
	WriteTimeout time.Duration

	// ShutdownDelay is how long accepting goes on after shutdown has begun (0).
	ShutdownDelay time.Duration
	// GateDelay is how long the sockets drop new handshakes before they close,
	// so that those in flight complete (200 ms).
	GateDelay time.Duration
	// ShutdownSpread is the time over which WebSockets are told to go away (0).
	ShutdownSpread time.Duration
	// IdleGrace is how long a kept-alive connection without a request may
	// still send one after the gate, which is then answered (300 ms).
	IdleGrace time.Duration
	// ShutdownTimeout is how long requests and WebSockets may take to end
	// after the gate before they are cut (25 s).
	ShutdownTimeout time.Duration

	// Observe, if set, is called with each Event, from any goroutine and
	// concurrently. It must not block: a worker may be waiting.
	Observe func(Event)
}

// withDefaults returns o with every unset field filled in.
func (o Options) withDefaults() Options {
	setDefault(&o.MinUptime, time.Second)
	setDefault(&o.MaxRestarts, 5)
	setDefault(&o.RestartWindow, 30*time.Second)
	setDefault(&o.BackoffMin, 500*time.Millisecond)
	setDefault(&o.BackoffMax, 30*time.Second)
	setDefault(&o.StallAfter, time.Minute)
	setDefault(&o.AbandonLimit, 4)
	setDefault(&o.MaxConns, 50_000)
	setDefault(&o.MaxConnsPerAddr, 20_000)
	setDefault(&o.WriteTimeout, 30*time.Second)
	setDefault(&o.GateDelay, 200*time.Millisecond)
	setDefault(&o.IdleGrace, 300*time.Millisecond)
	setDefault(&o.ShutdownTimeout, 25*time.Second)
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Exempt == nil {
		o.Exempt = func(netip.Addr) bool { return false }
	}
	if o.Failed == nil {
		o.Failed = plainFailure
	}
	return o
}

func (o Options) validate() error {
	var problems []error
	if o.Handler == nil {
		problems = append(problems, errors.New("no handler"))
	}
	if o.Workers < 0 {
		problems = append(problems, negativeWorkersError(o.Workers))
	}
	if o.Port < 0 || o.Port > 65535 {
		problems = append(problems, fmt.Errorf("port is %d: it must be 0 to 65535", o.Port))
	}
	return errors.Join(problems...)
}

func negativeWorkersError(workers int) error {
	return fmt.Errorf("workers is %d: it can't be negative", workers)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// size returns how many workers asked amounts to, and whether it was capped.
func workerCount(asked int) (n int, capped bool) {
	most := runtime.GOMAXPROCS(0)
	switch {
	case asked <= 0:
		return most, false
	case asked > most:
		return most, true
	default:
		return asked, false
	}
}

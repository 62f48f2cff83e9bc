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

// Options configure a Supervisor. A zero field means the default that its
// comment gives in brackets. Only Handler has no default.
type Options struct {
	// Handler serves the requests. It may panic, call runtime.Goexit or hang;
	// the package comment lists what it must not do.
	Handler fasthttp.RequestHandler

	// PanicHandler, if set, writes the response of a request whose handler
	// panicked or called runtime.Goexit. Without it, or if it panics as well,
	// the response is a plain 500.
	PanicHandler func(*fasthttp.RequestCtx)

	// ConfigureServer, if set, configures the fasthttp server of each
	// generation before it serves: limits, timeouts, the error handler.
	// It is called twice per generation: ReadBufferSize is for connections with a
	// request head over 4 KiB, others have a smaller buffer. Handler, Concurrency,
	// MaxConnsPerIP and KeepHijackedConns are overwritten; ConnState is called after the worker's own. It must not call
	// the Supervisor.
	ConfigureServer func(*fasthttp.Server)

	// TLS, if set, makes every connection a TLS connection. Use its
	// GetCertificate or GetConfigForClient to replace the certificate later.
	TLS *tls.Config

	// Host and Port are the address to listen on. An empty Host and "::"
	// mean every IPv4 and IPv6 address. With port 0 the kernel chooses; see Addr.
	Host string
	Port int

	// Inherited are listening sockets that another process opened, such as
	// systemd. If set, Host and Port are ignored. The supervisor closes the
	// files. It does not empty the sockets' queues at shutdown: connections in
	// them wait for the next process.
	Inherited []*os.File

	// Workers is the number of workers; 0 follows GOMAXPROCS. A number above
	// GOMAXPROCS is lowered to it, which a WorkersCapped event reports.
	Workers int

	Restart  Restart
	Watchdog Watchdog
	Limits   Limits
	Shutdown Shutdown

	// MaxRequestBytes bounds the bytes of one request as it is received, with the
	// framing of a chunked body, which fasthttp does not bound. Reading more fails.
	// 0 means no limit.
	MaxRequestBytes int

	// WriteTimeout bounds how long a write may go without progress (30 s), and with
	// progress of less than 2 KiB per second on average over the response. It
	// replaces fasthttp's WriteTimeout, which bounds the whole response and
	// would end a long download.
	WriteTimeout time.Duration

	// Observe, if set, is called with each Event while Run runs. Calls may be
	// concurrent, since some events come from the goroutine of a request; the
	// others come one at a time and in order. Observe may call any method of
	// the Supervisor except Run. It must not block: Run or a request waits for
	// it. A panic in it is dropped.
	Observe func(Event)
}

// Restart says how fast workers are replaced.
type Restart struct {
	// MinUptime is the shortest time between two recycles of a slot that
	// follow contained panics (1 s).
	MinUptime time.Duration
	// MaxRestarts is the number of restarts of a slot within Window that
	// happen at once (5 in 30 s). Beyond it a slot backs off exponentially,
	// with jitter, from BackoffMin (500 ms) to BackoffMax (30 s). Each Window
	// without a failure halves the backoff.
	MaxRestarts            int
	Window                 time.Duration
	BackoffMin, BackoffMax time.Duration
}

// Watchdog says when a generation counts as stuck.
type Watchdog struct {
	// StallAfter is how long an accept loop may take to respond, and a handler may
	// make no progress, before the generation is abandoned (60 s). Bytes of the body
	// that arrive are progress, and so is Progress. A handler that waits for the
	// body, or in Wait, is not stuck.
	StallAfter time.Duration
	// MaxAbandoned is the number of abandoned generations that may be alive at
	// once; with more, Run returns ErrGaveUp (4).
	MaxAbandoned int
}

// Limits bound the open connections.
type Limits struct {
	// MaxConns bounds the connections of the process (50 000), MaxConnsPerAddr
	// those of one client address (20 000). 64 more are accepted, for probes;
	// see OverLimit. Any others are closed unanswered.
	MaxConns, MaxConnsPerAddr int
	// Exempt, if set, reports whether MaxConnsPerAddr does not apply to a
	// peer, such as a reverse proxy. Accept loops call it: it must not block,
	// nor call the Supervisor.
	Exempt func(netip.Addr) bool
}

// Shutdown holds the times of the shutdown sequence, in its order.
type Shutdown struct {
	// Delay is how long the workers still accept connections after the
	// shutdown has begun (0).
	Delay time.Duration
	// HandshakeGrace is how long TCP handshakes in flight may take to complete
	// before the sockets close; new ones are dropped (200 ms).
	HandshakeGrace time.Duration
	// IdleGrace is how long an idle kept-alive connection may still send a
	// request, which is then answered, once no request arrives on any other (1 s).
	IdleGrace time.Duration
	// Spread is the time over which the sessions are notified (0).
	Spread time.Duration
	// Timeout bounds how long requests and sessions may take to end once the
	// sockets are closed. Then they are cut off (25 s).
	Timeout time.Duration
}

// withDefaults returns o with every unset field filled in.
func (o Options) withDefaults() Options {
	setDefault(&o.Restart.MinUptime, time.Second)
	setDefault(&o.Restart.MaxRestarts, 5)
	setDefault(&o.Restart.Window, 30*time.Second)
	setDefault(&o.Restart.BackoffMin, 500*time.Millisecond)
	setDefault(&o.Restart.BackoffMax, 30*time.Second)
	setDefault(&o.Watchdog.StallAfter, time.Minute)
	setDefault(&o.Watchdog.MaxAbandoned, 4)
	setDefault(&o.Limits.MaxConns, 50_000)
	setDefault(&o.Limits.MaxConnsPerAddr, 20_000)
	setDefault(&o.Shutdown.HandshakeGrace, 200*time.Millisecond)
	setDefault(&o.Shutdown.IdleGrace, time.Second)
	setDefault(&o.Shutdown.Timeout, 25*time.Second)
	setDefault(&o.WriteTimeout, 30*time.Second)
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Limits.Exempt == nil {
		o.Limits.Exempt = func(netip.Addr) bool { return false }
	}
	if o.PanicHandler == nil {
		o.PanicHandler = plainFailure
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

// workerCount returns the number of workers for a requested one, and whether
// it was capped.
func workerCount(requested int) (n int, capped bool) {
	limit := runtime.GOMAXPROCS(0)
	switch {
	case requested <= 0:
		return limit, false
	case requested > limit:
		return limit, true
	default:
		return requested, false
	}
}

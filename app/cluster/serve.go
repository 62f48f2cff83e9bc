package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// Option changes how Serve serves.
type Option func(*serveOptions)

type serveOptions struct {
	Options
	log      *slog.Logger
	ready    func(net.Addr)
	shutdown func(context.Context) error
}

// WithWorkers sets the number of workers. Without it, the number follows
// GOMAXPROCS.
func WithWorkers(n int) Option { return func(o *serveOptions) { o.Workers = n } }

// WithLogger logs every event to log. Without it, nothing is logged.
func WithLogger(log *slog.Logger) Option { return func(o *serveOptions) { o.log = log } }

// WithReady calls f with the address once every worker accepts connections.
// Serve waits for f.
func WithReady(f func(net.Addr)) Option { return func(o *serveOptions) { o.ready = f } }

// WithShutdown calls f when ctx has ended, before the workers stop accepting
// connections. f can use the time to say goodbye to clients with long-lived
// connections. The context of f ends after Shutdown.Timeout. Serve returns the
// error of f, joined with its own.
func WithShutdown(f func(context.Context) error) Option {
	return func(o *serveOptions) { o.shutdown = f }
}

// WithShutdownTimeout bounds how long requests and sessions may take to end at
// shutdown (25 s).
func WithShutdownTimeout(d time.Duration) Option {
	return func(o *serveOptions) { o.Shutdown.Timeout = d }
}

// WithOptions calls f to change any other option. An Observe that f sets is
// called after the event was logged.
func WithOptions(f func(*Options)) Option { return func(o *serveOptions) { f(&o.Options) } }

// Serve serves handler on addr, as host:port, until ctx ends. Then it shuts
// down and returns once every request has finished or was cut off. An empty
// host means every address; with port 0 the kernel chooses the port.
//
// The error is nil after an orderly shutdown, a *PortInUseError if another
// program listens on addr, and ErrGaveUp if the workers could not be kept
// alive. A program that needs to reload, scale or ask for the state uses a
// Supervisor instead.
func Serve(ctx context.Context, addr string, handler fasthttp.RequestHandler, opts ...Option) error {
	o := serveOptions{Options: Options{Handler: handler}}
	if err := o.setAddr(ctx, addr); err != nil {
		return err
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.log != nil {
		o.Observe = logEvents(context.WithoutCancel(ctx), o.log, o.Observe)
	}
	s, err := New(o.Options)
	if err != nil {
		return err
	}
	if err := s.Listen(ctx); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	select {
	case <-s.Ready():
		if o.ready != nil {
			o.ready(s.Addr())
		}
	case err := <-ended:
		return err
	}
	select {
	case <-ctx.Done():
	case err := <-ended:
		return err
	}
	if o.shutdown != nil {
		limit, cancel := context.WithTimeout(running, s.opts.Shutdown.Timeout)
		defer cancel()
		err = o.shutdown(limit)
	}
	stop()
	return errors.Join(err, <-ended)
}

// setAddr sets Host and Port; the port may be a service name.
func (o *serveOptions) setAddr(ctx context.Context, addr string) error {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen on %q: %w", addr, err)
	}
	o.Host = host
	if o.Port, err = net.DefaultResolver.LookupPort(ctx, "tcp", service); err != nil {
		return fmt.Errorf("listen on %q: %w", addr, err)
	}
	return nil
}

// logEvents returns an observer that logs each event and then calls next, if
// there is one.
func logEvents(ctx context.Context, log *slog.Logger, next func(Event)) func(Event) {
	return func(e Event) {
		log.LogAttrs(ctx, Level(e), Message(e), slog.Any("", e)) //nolint:sloglint // Message returns constants
		if next != nil {
			next(e)
		}
	}
}

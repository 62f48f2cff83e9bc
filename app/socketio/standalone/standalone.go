// Package standalone runs a handler on the cluster as a small program of one
// listening address needs it: the supervisor, the event loop for connections
// that leave HTTP, and the end of both in the right order. The product has
// more to look after and does it in app.
package standalone

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/websocket/eventloop"
)

// streamFrom is the size of a request's body from which on it is read by the
// handler, within its own limits, and not before.
const streamFrom = 64 << 10

// Options configure a Program. Handler alone is mandatory.
type Options struct {
	// Handler serves the requests.
	Handler fasthttp.RequestHandler
	// Host and Port are where to listen; port 0 lets the kernel choose.
	Host string
	Port int
	// Workers is how many workers serve; 0 follows GOMAXPROCS.
	Workers int
	// Ready, if set, is called with the address once every worker accepts.
	Ready func(addr string)
	// Close, if set, is called when the end begins, to send clients away. It
	// should return when ctx ends; nothing that it started is waited for.
	Close func(ctx context.Context) error
	// ShutdownTimeout bounds the end (10 s).
	ShutdownTimeout time.Duration
	// Log gets the faults; nil drops them.
	Log *slog.Logger
}

// Loop makes the event loop of a program. It is given to Run.
func Loop() (*eventloop.Loop, error) { return eventloop.New(eventloop.Options{}) }

// Detach hands a request's connection over as the loop's users want it.
func Detach(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
	cluster.Detach(ctx, func(s *cluster.Session) { f(s) })
}

// Await makes a wait of a request's handler, which ends when its client goes.
func Await(ctx *fasthttp.RequestCtx) interface {
	Wait() (gone bool)
	Wake()
} {
	return cluster.NewWait(ctx)
}

// Run serves until ctx ends, then ends in good order: clients are sent away,
// requests finish, and the loop ends last. It blocks until all has ended.
func Run(ctx context.Context, loop *eventloop.Loop, o Options) error {
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	sup, err := cluster.New(cluster.Options{
		Handler: o.Handler, Host: o.Host, Port: o.Port, Workers: o.Workers,
		Shutdown: cluster.Shutdown{Timeout: o.ShutdownTimeout},
		ConfigureServer: func(s *fasthttp.Server) {
			s.StreamRequestBody, s.MaxRequestBodySize = true, streamFrom
			s.NoDefaultServerHeader = true
			s.ReadTimeout, s.IdleTimeout = time.Minute, time.Minute
		},
		Observe: func(e cluster.Event) { observe(o.Log, e) },
	})
	if err == nil {
		err = sup.Listen(ctx)
	}
	if err != nil {
		loop.Close()
		return err
	}
	var ended sync.WaitGroup
	defer ended.Wait()
	looping, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoop()
	loopEnd := make(chan error, 1)
	ended.Go(func() { loopEnd <- loop.Run(looping) })

	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	var closing error
	ended.Go(func() {
		select {
		case <-sup.Ready():
			if o.Ready != nil {
				o.Ready(sup.Addr().String())
			}
		case <-serving.Done():
		}
	})
	closed := make(chan struct{})
	ended.Go(func() {
		defer close(closed)
		defer stopServing()
		select {
		case <-ctx.Done():
			closing = closeWithin(ctx, o)
		case <-looping.Done(): // the supervisor has ended by itself
		}
	})
	err = sup.Run(serving)
	stopLoop()
	<-closed
	return errors.Join(err, closing, <-loopEnd)
}

func closeWithin(ctx context.Context, o Options) error {
	if o.Close == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.ShutdownTimeout)
	defer cancel()
	return o.Close(ctx)
}

// observe logs what goes wrong in the cluster.
func observe(log *slog.Logger, e cluster.Event) {
	if e.Level() >= slog.LevelWarn {
		log.LogAttrs(context.Background(), e.Level(), e.Message(), slog.Any("", e)) //nolint:sloglint // a Message is one of the cluster's constants
	}
}

// Command example is a small Socket.IO server that demonstrates the library and
// that clients and protocol test suites can connect to:
//
//	go run ./app/socketio/example
//
// By default it listens on 127.0.0.1:13010; -help lists the flags. The
// namespaces and events are in events.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/socketio/redisadapter"
)

func main() {
	s, err := parseSettings(os.Args[1:], os.Getenv, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go reportHeap(os.Stdout) // until the process ends
	err = run(ctx, s, slog.New(slog.NewTextHandler(os.Stderr, nil)), func(addr string) {
		fmt.Fprintf(os.Stdout, "listening on http://%s\n", addr)
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// queueLimit bounds the bytes that wait for a client; a blast needs room.
const queueLimit = 64 << 20

// run serves until ctx ends. ready is called with the address once every
// worker accepts connections.
func run(ctx context.Context, s settings, log *slog.Logger, ready func(addr string)) error {
	options := socketio.Options{
		Engine: engineio.Options{
			PingInterval: s.pingInterval, PingTimeout: s.pingTimeout,
			MaxPayload: s.maxPayload, QueueLimit: queueLimit,
		},
		ConnectTimeout: s.connectTimeout, AckTimeout: s.requestsTimeout, ShutdownSpread: s.spread,
		Panicked: func(value any, stack []byte) {
			log.Error("panic contained", slog.String("value", fmt.Sprint(value)), slog.String("stack", string(stack)))
		},
	}
	if s.recovery {
		options.Recovery = &socketio.Recovery{}
	}
	var background sync.WaitGroup
	defer background.Wait()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if s.redisURL != "" {
		redis, err := redisadapter.New(redisadapter.Options{
			URL: s.redisURL, Key: s.redisKey, Mode: s.redisMode, RequestsTimeout: s.requestsTimeout, Log: log,
		})
		if err != nil {
			return err
		}
		options.Adapter = redis.Adapter
		background.Go(func() {
			if err := redis.Run(running); err != nil && running.Err() == nil {
				log.Error("redis given up", slog.String("error", err.Error()))
			}
		})
	}
	io, err := socketio.NewServer(options)
	if err != nil {
		return err
	}
	for _, name := range []string{"/", "/custom", "/auth"} {
		registerEvents(io.Of(name)) //nolint:contextcheck // handlers use the context of their socket
	}
	io.Of("/auth").Use(authorize)
	ended := make(chan error, 1)
	go func() { ended <- io.Run(running) }()
	echo := newEcho(io.EngineOptions(), s.wsLimit)
	err = cluster.Serve(ctx, net.JoinHostPort(s.host, strconv.Itoa(s.port)),
		func(ctx *fasthttp.RequestCtx) { route(ctx, io, echo) },
		cluster.WithWorkers(s.workers), cluster.WithLogger(log),
		cluster.WithReady(func(addr net.Addr) { ready(addr.String()) }),
		cluster.WithShutdownTimeout(10*time.Second),
		cluster.WithShutdown(func(ctx context.Context) error {
			echo.engine.Drain(ctx, s.spread)
			return io.Close(ctx)
		}),
		cluster.WithOptions(func(o *cluster.Options) {
			o.ConfigureServer = func(s *fasthttp.Server) {
				s.StreamRequestBody, s.MaxRequestBodySize = true, 64<<10 // engineio reads larger bodies itself
				s.NoDefaultServerHeader = true
				s.ReadTimeout, s.IdleTimeout = time.Minute, time.Minute
			}
		}),
	)
	stop() // after HTTP, so that its shutdown still reaches the connections
	return errors.Join(err, <-ended)
}

// route answers a request.
func route(ctx *fasthttp.RequestCtx, io *socketio.Server, echo *echo) {
	switch path := string(ctx.Path()); {
	case path == "/":
		servePage(ctx)
	case path == "/echo":
		echo.webSocket(ctx)
	case path == "/engine.io" || path == "/engine.io/":
		echo.engine.Handler(ctx)
	case path == "/socket.io", strings.HasPrefix(path, "/socket.io/"):
		io.Handler(ctx)
	default:
		ctx.Error("not found\n", fasthttp.StatusNotFound)
	}
}

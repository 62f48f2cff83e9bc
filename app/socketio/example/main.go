// Command example is a small Socket.IO server that shows what the library can
// do, and lets any client or protocol suite be pointed at it:
//
//	go run ./app/socketio/example
//
// It listens on 127.0.0.1:13010 unless it is told otherwise; -help lists the
// flags. Namespaces and events are in events.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/socketio/redisadapter"
	"smart-factory-backend/app/socketio/standalone"
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

// queueLimit is how much may wait for a client that was sent a blast.
const queueLimit = 64 << 20

// run serves until ctx ends.
func run(ctx context.Context, s settings, log *slog.Logger, ready func(addr string)) error {
	loop, err := standalone.Loop()
	if err != nil {
		return err
	}
	engine := engineio.Options{
		Loop: loop, Detach: standalone.Detach, Await: standalone.Await,
		PingInterval: s.pingInterval, PingTimeout: s.pingTimeout,
		MaxPayload: s.maxPayload, QueueLimit: queueLimit,
	}
	options := socketio.Options{
		Engine: engine, ConnectTimeout: s.connectTimeout, ShutdownSpread: s.spread, AckTimeout: s.requestsTimeout,
		Panicked: func(value any, stack []byte) {
			log.Error("panic contained", slog.String("value", fmt.Sprint(value)), slog.String("stack", string(stack)))
		},
	}
	if s.recovery {
		options.Recovery = &socketio.Recovery{}
	}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	if s.redisURL != "" {
		redis, err := redisadapter.New(redisadapter.Options{
			URL: s.redisURL, Key: s.redisKey, RequestsTimeout: s.requestsTimeout, Log: log,
		})
		if err != nil {
			loop.Close()
			return err
		}
		options.Adapter = redis.Adapter
		connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
		defer disconnect()
		helpers.Go(func() {
			if err := redis.Run(connected); err != nil && connected.Err() == nil {
				log.Error("redis given up", slog.String("error", err.Error()))
			}
		})
	}
	io, err := socketio.NewServer(options)
	if err != nil {
		loop.Close()
		return err
	}
	for _, name := range []string{"/", "/custom", "/auth"} {
		registerEvents(ctx, io.Of(name))
	}
	io.Of("/auth").Use(authorize)
	echo := newEcho(engine, s.wsLimit)
	page := newPage(s.clientDir)

	return standalone.Run(ctx, loop, standalone.Options{
		Host: s.host, Port: s.port, Workers: s.workers, Log: log, Ready: ready,
		Handler: func(ctx *fasthttp.RequestCtx) { route(ctx, io, echo, page) },
		Close: func(ctx context.Context) error {
			echo.engine.Drain(ctx, s.spread)
			return io.Close(ctx)
		},
		ShutdownTimeout: 10 * time.Second,
	})
}

// route answers a request.
func route(ctx *fasthttp.RequestCtx, io *socketio.Server, echo *echo, page *page) {
	switch path := string(ctx.Path()); {
	case path == "/":
		page.index(ctx)
	case path == "/echo":
		echo.webSocket(ctx)
	case path == "/engine.io" || path == "/engine.io/":
		echo.engine.Handler(ctx)
	case path == "/socket.io" || path == "/socket.io/":
		io.Handler(ctx)
	case page.script(ctx, path):
	default:
		ctx.Error("not found\n", fasthttp.StatusNotFound)
	}
}

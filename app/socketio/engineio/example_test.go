package engineio_test

import (
	"context"
	"log"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"
)

// echoReceiver sends back what it receives.
type echoReceiver struct{ *engineio.Session }

func (l echoReceiver) Message(data []byte, binary bool) {
	if binary {
		_ = l.Send(engineio.NewBinary(data))
		return
	}
	_ = l.Send(engineio.NewText(data, []byte("!")))
}

func (l echoReceiver) Closed(reason engineio.Reason) { log.Printf("%s: %s", l.ID(), reason) }

// A server on the connections of a cluster, served by an event loop. A program
// runs both until it is stopped, and calls Drain before they end.
func ExampleNew() {
	loop, err := eventloop.New(eventloop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server := engineio.New(engineio.Options{
		Loop: loop,
		Detach: func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
			cluster.Detach(ctx, func(s *cluster.Session) { f(s) })
		},
		Await: func(ctx *fasthttp.RequestCtx) engineio.Wait { return cluster.NewWait(ctx) },
		Open:  func(s *engineio.Session) engineio.Receiver { return echoReceiver{s} },
	})
	supervisor, err := cluster.New(cluster.Options{
		Port: 3000, Handler: server.Handler,
		ConfigureServer: func(s *fasthttp.Server) { s.StreamRequestBody = true },
	})
	if err != nil {
		log.Fatal(err)
	}
	serve := func(ctx context.Context) {
		go func() { _ = loop.Run(ctx) }()
		_ = supervisor.Run(ctx)
	}
	_ = serve
}

package server

import (
	"bufio"
	"net"
	"runtime"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/websocket"

	fastws "github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// faults returns the handlers of /api/faults/{name}. Each injects one kind of fault,
// so that operators and tests can see how the server handles it.
func (s *sessions) faults() map[string]fasthttp.RequestHandler {
	return map[string]fasthttp.RequestHandler{
		"panic":        func(*fasthttp.RequestCtx) { panic("fault injection: panic in a handler") },
		"panic-stream": panicStream,
		"panic-ws":     s.panicWebSocket(),
		"worker":       killWorker,
		"stall":        func(*fasthttp.RequestCtx) { select {} },
		"goexit":       func(*fasthttp.RequestCtx) { runtime.Goexit() },
	}
}

// panicStream sends part of a body and then panics in the body writer.
func panicStream(ctx *fasthttp.RequestCtx) {
	cluster.StreamBody(ctx, func(w *bufio.Writer) error {
		_, _ = w.WriteString("the first part\n")
		_ = w.Flush()
		panic("fault injection: panic in a body stream")
	})
}

// panicWebSocket panics outside the request handler: with an upgrade in the handler
// of the first WebSocket message, which closes the connection with code 1011; without
// one in a hijacked connection, after the response.
func (s *sessions) panicWebSocket() fasthttp.RequestHandler {
	upgrader := &websocket.Upgrader{Loop: s.loop, Detach: s.detach, MaxMessage: 4 << 10, QueueLimit: 4 << 10}
	return func(ctx *fasthttp.RequestCtx) {
		if fastws.FastHTTPIsWebSocketUpgrade(ctx) {
			_ = upgrader.Upgrade(ctx, func(*websocket.Conn) websocket.Handler { return panicHandler{} }) // a failed upgrade has sent its response
			return
		}
		ctx.SetContentType("application/json")
		ctx.SetBodyString(`{"fault":"panic-ws"}`)
		cluster.Hijack(ctx, func(net.Conn) { panic("fault injection: panic in a hijacked connection") })
	}
}

// panicHandler is a WebSocket handler that panics at the first message.
type panicHandler struct{}

func (panicHandler) Message(websocket.Opcode, []byte) { panic("fault injection: panic in a WebSocket") }
func (panicHandler) Closed(int, error)                {}

// killWorker ends the accept loop of the worker that serves the request.
func killWorker(ctx *fasthttp.RequestCtx) {
	if err := cluster.Kill(ctx); err != nil {
		ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBodyString(`{"fault":"worker"}`)
}

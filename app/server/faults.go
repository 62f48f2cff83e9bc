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

// faults are the handlers of /api/faults/{name}: each breaks one promise on
// purpose, so that the promise can be seen kept.
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

// panicStream sends a part of a body and panics in its writer.
func panicStream(ctx *fasthttp.RequestCtx) {
	cluster.StreamBody(ctx, func(w *bufio.Writer) error {
		_, _ = w.WriteString("the first part\n")
		_ = w.Flush()
		panic("fault injection: panic in a body stream")
	})
}

// panicWebSocket panics in a socket's handler: with an upgrade at the first
// message, on a socket like all others, which its client sees as close code
// 1011; without one in a hijacked connection, right after its response.
func (s *sessions) panicWebSocket() fasthttp.RequestHandler {
	upgrader := &websocket.Upgrader{Loop: s.loop, Detach: s.detach, MaxMessage: 4 << 10, QueueLimit: 4 << 10}
	return func(ctx *fasthttp.RequestCtx) {
		if fastws.FastHTTPIsWebSocketUpgrade(ctx) {
			_ = upgrader.Upgrade(ctx, func(*websocket.Conn) websocket.Handler { return panicking{} }) // the response says why not
			return
		}
		ctx.SetContentType("application/json")
		ctx.SetBodyString(`{"fault":"panic-ws"}`)
		cluster.Hijack(ctx, func(net.Conn) { panic("fault injection: panic in a hijacked connection") })
	}
}

// panicking is a socket's handler that fails.
type panicking struct{}

func (panicking) Message(websocket.Opcode, []byte) { panic("fault injection: panic in a WebSocket") }
func (panicking) Closed(int, error)                {}

// killWorker ends the accept loop of the worker that got the request.
func killWorker(ctx *fasthttp.RequestCtx) {
	if err := cluster.Kill(ctx); err != nil {
		ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBodyString(`{"fault":"worker"}`)
}

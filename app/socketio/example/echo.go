package main

import (
	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket"
)

// echo sends every message back, on plain Engine.IO and on plain WebSockets.
type echo struct {
	engine   *engineio.Server
	upgrader *websocket.Upgrader
}

// newEcho uses the event loop and limits of o for both endpoints.
func newEcho(o engineio.Options, limit int) *echo {
	o.Open = func(s *engineio.Session) engineio.Receiver { return engineEcho{s} }
	return &echo{
		engine: engineio.New(o),
		upgrader: &websocket.Upgrader{
			Loop: o.Loop, Detach: o.Detach, MaxMessage: limit, QueueLimit: max(queueLimit, 4*limit),
		},
	}
}

type engineEcho struct{ session *engineio.Session }

func (e engineEcho) Message(data []byte, binary bool) {
	if binary {
		_ = e.session.Send(engineio.NewBinary(data))
	} else {
		_ = e.session.Send(engineio.NewText(data))
	}
}

func (e engineEcho) Closed(engineio.Reason) {}

// webSocket upgrades the request. If the handshake is invalid, the response
// says why.
func (e *echo) webSocket(ctx *fasthttp.RequestCtx) {
	_ = e.upgrader.Upgrade(ctx, func(c *websocket.Conn) websocket.Handler { return socketEcho{c} })
}

type socketEcho struct{ conn *websocket.Conn }

func (e socketEcho) Message(op websocket.Opcode, data []byte) {
	_ = e.conn.Send(websocket.NewMessage(op, data))
}

func (e socketEcho) Closed(int, error) {}

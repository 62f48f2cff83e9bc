package cluster

import (
	"net"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// Hijack passes the connection to h once the response is sent. From then on
// the connection belongs to the process: recycling and reloading workers do
// not affect it. It is closed when h returns or panics. At shutdown it is cut
// off, at a moment within Shutdown.Spread.
func Hijack(ctx *fasthttp.RequestCtx, h func(net.Conn)) {
	c := connOf(ctx)
	ctx.Hijack(func(nc net.Conn) {
		if c == nil {
			h(nc)
			return
		}
		defer func() { _ = c.Close() }()
		c.worker.guard(placeHijack, func() {
			c.becomeSession(c.cut)
			h(nc)
		}, nil)
	})
}

// Upgrade turns the request into a WebSocket and runs h on it. The connection
// is closed when h returns, and with close code 1011 when h panics. At
// shutdown the client is sent close code 1001, and the next read of h fails.
// If Upgrade returns an error, the response states the reason.
//
// While it runs, h must be the only reader of the connection.
func Upgrade(ctx *fasthttp.RequestCtx, u *websocket.FastHTTPUpgrader, h func(*websocket.Conn)) error {
	c := connOf(ctx)
	if c == nil {
		return errNoWorker
	}
	return u.Upgrade(ctx, func(ws *websocket.Conn) {
		defer func() { _ = c.Close() }()
		c.worker.guard(placeWebSocket, func() {
			c.becomeSession(func() { writeClose(ws, websocket.CloseGoingAway, "server is going away") })
			h(ws)
		}, func() {
			writeClose(ws, websocket.CloseInternalServerErr, "internal error")
			if !c.peerGone.Load() {
				c.lingeringClose() // there may be unread data
			}
		})
	})
}

func writeClose(ws *websocket.Conn, code int, reason string) {
	_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
}

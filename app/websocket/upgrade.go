package websocket

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/websocket/eventloop"
)

// Upgrader turns requests into WebSockets. It must not be changed once it is
// used; it is safe for concurrent use.
type Upgrader struct {
	// Loop serves the connections.
	Loop *eventloop.Loop
	// Detach gives f the request's connection once the response is sent.
	Detach func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport))
	// MaxMessage is how many bytes a message may have, compressed or not; a
	// larger one ends the connection with 1009.
	MaxMessage int
	// MaxPartial bounds the bytes of all messages that have arrived in part
	// only, on all connections; who would go beyond is closed with 1013. 0 is
	// no bound.
	MaxPartial int64
	// QueueLimit is how many bytes may wait for one client; see
	// eventloop.Conn.Send. Beyond it the client is closed with 1013.
	QueueLimit int
	// Deflate agrees to permessage-deflate.
	Deflate bool
	// CheckOrigin, if set, says whether the request's origin may have a
	// WebSocket; 403 if not.
	CheckOrigin func(ctx *fasthttp.RequestCtx) bool
	// Refuse, if set, writes the response of a refused handshake. The status
	// and the headers that the protocol asks for are set already.
	Refuse func(ctx *fasthttp.RequestCtx, status int, reason error)
	// Leave is called when the connection's turn to go has come at shutdown.
	// The default closes it with 1001.
	OnShutdown func(c *Conn)

	partialBytes atomic.Int64
}

// Handler receives what arrives on a connection. Its methods are never called
// concurrently for one connection. A panic in one of them ends that connection,
// with 1011.
type Handler interface {
	// Message is called for each message. data is the handler's only until it
	// returns. It may block; that holds up this connection alone.
	Message(op Opcode, data []byte)
	// Closed is the last call, once. code is the peer's close code, or ours if
	// we ended the connection; NoStatus for a close frame without one, and
	// Abnormal if there was no close frame. err says more: often a *CloseError,
	// eventloop.ErrSlow, or what reading or writing failed with.
	Closed(code int, err error)
}

var errHandshake = errors.New("bad WebSocket handshake")

// Upgrade answers the request's opening handshake. Once the response is sent,
// open is given the connection and returns what handles it. On an error the
// response says why there is no WebSocket, and open is not called.
//
// Headers that are set in the response before, such as Set-Cookie, are sent.
func (u *Upgrader) Upgrade(ctx *fasthttp.RequestCtx, open func(c *Conn) Handler) error {
	if status, err := u.check(ctx); err != nil {
		u.refuse(ctx, status, err)
		return err
	}
	handshake := websocket.FastHTTPUpgrader{
		CheckOrigin:       func(*fasthttp.RequestCtx) bool { return true }, // checked
		EnableCompression: u.Deflate && acceptsDeflate(string(ctx.Request.Header.Peek("Sec-WebSocket-Extensions"))),
		Error:             u.refuse,
	}
	// Its handler is replaced below, so nothing runs without a guard.
	if err := handshake.Upgrade(ctx, func(*websocket.Conn) {}); err != nil { //nolint:forbidigo // see above
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	deflate := len(ctx.Response.Header.Peek("Sec-WebSocket-Extensions")) > 0
	u.Detach(ctx, func(t eventloop.Transport) { u.addConn(t, deflate, open) })
	return nil
}

// check refuses what the library lets through.
func (u *Upgrader) check(ctx *fasthttp.RequestCtx) (int, error) {
	h := &ctx.Request.Header
	switch {
	case !ctx.IsGet() || !h.IsHTTP11():
		return fasthttp.StatusBadRequest, fmt.Errorf("%w: it is a GET of HTTP/1.1 (RFC 6455, section 4.1)", errHandshake)
	case !strings.EqualFold(string(h.Peek(fasthttp.HeaderUpgrade)), "websocket"):
		ctx.Response.Header.Set(fasthttp.HeaderUpgrade, "websocket")
		return fasthttp.StatusUpgradeRequired, fmt.Errorf("%w: this path speaks WebSocket", errHandshake)
	case string(h.Peek("Sec-WebSocket-Version")) != "13":
		ctx.Response.Header.Set("Sec-WebSocket-Version", "13")
		return fasthttp.StatusUpgradeRequired, fmt.Errorf("%w: Sec-WebSocket-Version is not 13", errHandshake)
	}
	key, err := base64.StdEncoding.DecodeString(string(h.Peek("Sec-WebSocket-Key")))
	if err != nil || len(key) != 16 {
		return fasthttp.StatusBadRequest, fmt.Errorf("%w: Sec-WebSocket-Key is not 16 bytes in base64", errHandshake)
	}
	if u.CheckOrigin != nil && !u.CheckOrigin(ctx) {
		return fasthttp.StatusForbidden, fmt.Errorf("%w: origin not allowed", errHandshake)
	}
	return 0, nil
}

func (u *Upgrader) refuse(ctx *fasthttp.RequestCtx, status int, reason error) {
	if status == fasthttp.StatusBadRequest {
		ctx.Response.Header.Set("Sec-WebSocket-Version", "13")
	}
	if u.Refuse != nil {
		u.Refuse(ctx, status, reason)
		return
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString(reason.Error() + "\n")
}

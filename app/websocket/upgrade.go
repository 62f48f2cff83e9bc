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

// Upgrader upgrades HTTP requests to WebSocket connections. It is safe for
// concurrent use. The fields must not be changed after the first call.
type Upgrader struct {
	// Loop serves the connections. Required.
	Loop *eventloop.Loop
	// Detach takes the request's connection out of the HTTP server and passes
	// it to f once the response is sent. Required.
	Detach func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport))
	// MaxMessage is the largest message in bytes, compressed or not. A larger
	// one closes the connection with 1009.
	MaxMessage int
	// MaxPartial limits the bytes of all messages that have arrived in part
	// only, on all connections together. A connection that would exceed it is
	// closed with 1013. 0 means no limit.
	MaxPartial int64
	// QueueLimit is how many bytes may be queued for a client before it is
	// closed with 1013 as a slow client; see eventloop.Conn.Send.
	QueueLimit int
	// Deflate enables permessage-deflate.
	Deflate bool
	// Subprotocol, if set, accepts the first subprotocol that a client offers and
	// that begins with it. Otherwise none is accepted.
	Subprotocol string
	// CheckOrigin reports whether the request's origin is allowed; if not, the
	// response is 403. nil allows every origin.
	CheckOrigin func(ctx *fasthttp.RequestCtx) bool
	// Refuse writes the response to a failed handshake. The headers that the
	// protocol requires are already set. nil writes the reason as plain text.
	Refuse func(ctx *fasthttp.RequestCtx, status int, reason error)
	// OnShutdown is called when a connection's turn to close comes during
	// shutdown. nil closes it with 1001.
	OnShutdown func(c *Conn)

	partialBytes atomic.Int64
}

// Handler handles the messages of a connection. Its methods are never called
// concurrently for one connection. A panic closes that connection with 1011.
type Handler interface {
	// Message is called for each message. data is valid until it returns. It
	// may block, which delays this connection only.
	Message(op Opcode, data []byte)
	// Closed is the last call, made once. code is the code of the first close
	// frame, of either side: NoStatus if it had none, Abnormal if there was no
	// close frame. err has the details: a *CloseError,
	// eventloop.ErrSlowClient, or the error of a read or write.
	Closed(code int, err error)
}

var errHandshake = errors.New("bad WebSocket handshake")

// Upgrade answers the opening handshake (section 4.2). Once the response is
// sent, open is called with the connection and returns its handler; nil closes
// the connection. If Upgrade returns an error, the response tells the reason
// and open is not called.
//
// Headers that the response already has, such as Set-Cookie, are sent.
func (u *Upgrader) Upgrade(ctx *fasthttp.RequestCtx, open func(c *Conn) Handler) error {
	if status, err := u.check(ctx); err != nil {
		u.refuse(ctx, status, err)
		return err
	}
	handshake := websocket.FastHTTPUpgrader{
		CheckOrigin:       func(*fasthttp.RequestCtx) bool { return true }, // check has done it
		EnableCompression: u.Deflate && acceptsDeflate(string(ctx.Request.Header.Peek("Sec-WebSocket-Extensions"))),
		Error:             u.refuse,
		Subprotocols:      u.acceptedSubprotocols(ctx),
	}
	// Detach replaces this handler, so nothing runs outside Transport.Guard.
	if err := handshake.Upgrade(ctx, func(*websocket.Conn) {}); err != nil { //nolint:forbidigo // see above
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	deflate := len(ctx.Response.Header.Peek("Sec-WebSocket-Extensions")) > 0
	u.Detach(ctx, func(t eventloop.Transport) { u.addConn(t, deflate, open) })
	return nil
}

// acceptedSubprotocols returns the offered subprotocol to accept, in a list as the
// library wants it.
func (u *Upgrader) acceptedSubprotocols(ctx *fasthttp.RequestCtx) []string {
	offered := ctx.Request.Header.Peek("Sec-WebSocket-Protocol")
	if u.Subprotocol == "" || len(offered) == 0 {
		return nil
	}
	for protocol := range strings.SplitSeq(string(offered), ",") {
		if protocol = strings.TrimSpace(protocol); strings.HasPrefix(protocol, u.Subprotocol) {
			return []string{protocol}
		}
	}
	return nil
}

// check refuses handshakes that the library would accept.
func (u *Upgrader) check(ctx *fasthttp.RequestCtx) (int, error) {
	h := &ctx.Request.Header
	switch {
	case !ctx.IsGet() || !h.IsHTTP11():
		return fasthttp.StatusBadRequest, fmt.Errorf("%w: the request must be a GET of HTTP/1.1 (RFC 6455, section 4.1)", errHandshake)
	case !strings.EqualFold(string(h.Peek(fasthttp.HeaderUpgrade)), "websocket"):
		ctx.Response.Header.Set(fasthttp.HeaderUpgrade, "websocket")
		return fasthttp.StatusUpgradeRequired, fmt.Errorf("%w: this path serves WebSocket only", errHandshake)
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

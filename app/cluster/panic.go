package cluster

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// The places of a contained panic, as Event.Reason gives them.
const (
	placeHandler    = "handler"
	placeConnection = "connection"
	placeHijack     = "hijacked connection"
	placeWebSocket  = "websocket"
	placeStream     = "body stream"
	placeHelper     = "helper"
	placeAcceptLoop = "accept loop"
)

// Places returns every Reason that a Panicked event can have.
func Places() []string {
	return []string{placeHandler, placeConnection, placeHijack, placeWebSocket, placeStream, placeHelper, placeAcceptLoop}
}

// guard is deferred around code that may panic or end its goroutine. returned
// says that it did neither. It calls after, if given, once the panic is
// contained; after runtime.Goexit the goroutine still ends.
func (w *worker) guard(place string, returned *bool, after func()) {
	if *returned {
		return
	}
	v := recover()
	w.contain(place, v)
	if after != nil {
		after()
	}
}

// contain reports a panic and has the worker recycled.
func (w *worker) contain(place string, v any) {
	w.panics.Add(1)
	w.slot.panics.Add(1)
	w.sup.observe(Event{
		Kind: PanicContained, Worker: w.slot.id, Generation: w.generation,
		Reason: place, Value: v, Stack: debug.Stack(),
	})
	w.slot.recycle.Store(true)
	w.sup.wakeUp()
}

// Guard wraps a handler that will run in a goroutine of its own, as the one
// given to fasthttp.TimeoutHandler does: a panic in it is answered with
// Options.Failed and recycles the worker. A worker's own handler needs none.
func Guard(h fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		c := connOf(ctx)
		if c == nil {
			h(ctx)
			return
		}
		returned := false
		defer c.worker.guard(placeHelper, &returned, func() { c.worker.writeFailure(ctx) })
		h(ctx)
		returned = true
	}
}

// Go runs f in a goroutine on behalf of a request. A panic in f is reported
// and recycles the request's worker. The supervisor does not stop f and does
// not wait for it: the caller does. f must not use ctx after the handler has
// returned.
func Go(ctx *fasthttp.RequestCtx, f func()) {
	c := connOf(ctx)
	go func() {
		returned := false
		if c != nil {
			defer c.worker.guard(placeHelper, &returned, nil)
		}
		f()
		returned = true
	}()
}

// StreamBody sends the response body that write produces, in chunks. write
// runs in a goroutine of its own, which the supervisor waits for, and sees an
// error from the writer when the client is gone. If write returns an error,
// panics or ends its goroutine, the connection is closed without the end mark,
// so that the client can't take what arrived for the whole. write must not use
// ctx.
func StreamBody(ctx *fasthttp.RequestCtx, write func(w *bufio.Writer) error) {
	c := connOf(ctx)
	r, pipe := io.Pipe()
	ctx.SetBodyStream(r, -1)
	run := func() {
		err := errStreamIncomplete
		defer func() { _ = pipe.CloseWithError(err) }()
		returned := false
		if c != nil {
			defer c.worker.sup.streams.Done()
			defer c.worker.guard(placeStream, &returned, nil)
		}
		w := bufio.NewWriterSize(pipe, streamBuffer)
		if err = write(w); err == nil {
			err = w.Flush()
		}
		returned = true
	}
	if c != nil {
		c.worker.sup.streams.Add(1)
	}
	go run() // ends at the latest when fasthttp closes r, after the response
}

const streamBuffer = 32 << 10

// Hijack hands the connection to h once the response is sent. From then on it
// belongs to the process, not to the worker: recycling and reloading leave it
// alone. It is closed when h returns or panics, and at shutdown, after its
// turn in Options.ShutdownSpread has come, by cutting it off.
func Hijack(ctx *fasthttp.RequestCtx, h func(net.Conn)) {
	c := connOf(ctx)
	ctx.Hijack(func(nc net.Conn) {
		if c == nil {
			h(nc)
			return
		}
		defer func() { _ = c.Close() }()
		returned := false
		defer c.worker.guard(placeHijack, &returned, nil)
		c.becomeSession(c.cut)
		h(nc)
		returned = true
	})
}

// Upgrade turns the request into a WebSocket and runs h on it. When h returns
// the connection is closed; when it panics, with close code 1011. At shutdown
// the client is sent close code 1001, and h ends by the error of its next
// read. An error means that the response says why there was no upgrade.
//
// While it runs, h is the only reader of the connection.
func Upgrade(ctx *fasthttp.RequestCtx, u *websocket.FastHTTPUpgrader, h func(*websocket.Conn)) error {
	c := connOf(ctx)
	if c == nil {
		return errNoWorker
	}
	return u.Upgrade(ctx, func(ws *websocket.Conn) {
		defer func() { _ = c.Close() }()
		returned := false
		defer c.worker.guard(placeWebSocket, &returned, func() {
			writeClose(ws, websocket.CloseInternalServerErr, "internal error")
			if !c.peerGone.Load() {
				c.lingeringClose() // what the peer has sent is unread
			}
		})
		c.becomeSession(func() { writeClose(ws, websocket.CloseGoingAway, "server is going away") })
		h(ws)
		returned = true
	})
}

func writeClose(ws *websocket.Conn, code int, why string) {
	_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(time.Second))
}

// OverLimit names the connection limit that the request's connection is
// beyond, "" for none. Such a connection is closed after this response; the
// handler should refuse everything but a probe.
func OverLimit(ctx *fasthttp.RequestCtx) string {
	if c := connOf(ctx); c != nil {
		return c.overLimit
	}
	return ""
}

// Kill ends the accept loop of the worker that serves the request, as a fault
// in the loop itself would.
func Kill(ctx *fasthttp.RequestCtx) error {
	c := connOf(ctx)
	if c == nil {
		return errNoWorker
	}
	c.worker.sup.killAcceptLoops(c.worker.slot)
	return nil
}

// plainFailure is the default of Options.Failed.
func plainFailure(ctx *fasthttp.RequestCtx) {
	ctx.Response.Reset()
	ctx.SetStatusCode(fasthttp.StatusInternalServerError)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString("Internal Server Error\n")
}

// Peer is the address at the other end of the request's connection; the zero
// address if it is not served by a supervisor.
func Peer(ctx *fasthttp.RequestCtx) netip.Addr {
	if c := connOf(ctx); c != nil {
		return c.peer.Addr()
	}
	return netip.Addr{}
}

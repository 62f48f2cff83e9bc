package cluster

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// worker is one generation in a slot: its accept loops, its fasthttp server
// and the registry of its connections.
type worker struct {
	sup        *Supervisor
	slot       *slot
	generation int
	started    int64 // nanos
	server     *fasthttp.Server
	large      *fasthttp.Server // serves connections with a large request head
	conns      registry
	panics     atomic.Uint64

	readTimeout, idleTimeout time.Duration // 0 for none

	// draining makes every response carry Connection: close.
	draining atomic.Bool
	// failure is the error that ended an accept loop.
	failure atomic.Pointer[error]
	// accepting counts the accept loops that have not ended.
	accepting atomic.Int32

	// The goroutine of Run owns these.
	loops        []*acceptLoop
	drainStarted int64 // nanos
	abandoned    bool
}

func (s *Supervisor) newWorker(sl *slot) *worker {
	w := &worker{sup: s, slot: sl, generation: sl.generation + 1, started: nanos()}
	w.server, w.large = w.newServer(), w.newServer()
	// conn enforces these two timeouts: fasthttp would read the clock for each.
	w.readTimeout, w.idleTimeout = w.server.ReadTimeout, w.server.IdleTimeout
	if w.idleTimeout == 0 {
		w.idleTimeout = w.readTimeout
	}
	for _, server := range []*fasthttp.Server{w.server, w.large} {
		server.ReadTimeout, server.IdleTimeout = 0, 0
	}
	if w.growsBuffers() {
		w.server.ReadBufferSize = smallReadBuffer
	}
	return w
}

// growsBuffers reports whether the read buffers of large are larger. With TLS a head
// can't be found in what arrives.
func (w *worker) growsBuffers() bool {
	return w.large.ReadBufferSize > smallReadBuffer && w.sup.opts.TLS == nil
}

func (w *worker) newServer() *fasthttp.Server {
	server := &fasthttp.Server{}
	if configure := w.sup.opts.ConfigureServer; configure != nil {
		configure(server)
	}
	next := server.ConnState
	server.ConnState = func(nc net.Conn, state fasthttp.ConnState) {
		w.trackState(nc, state)
		if next != nil {
			next(nc, state)
		}
	}
	server.Handler = w.handle
	server.KeepHijackedConns = true // fasthttp would reuse them while they may still be written to
	server.MaxConnsPerIP = 0        // fasthttp would wrap the connection, and connOf would not find it
	server.Concurrency = w.sup.opts.Limits.MaxConns + reservedConns
	return server
}

// serveAccepted serves an accepted connection, or closes it if it is beyond
// the limits. It does not block.
func (w *worker) serveAccepted(fd int, peer netip.AddrPort) {
	served := false
	defer func() {
		if !served {
			_ = unix.Close(fd)
		}
	}()
	exempt := w.sup.opts.Limits.Exempt(peer.Addr()) // may panic
	overLimit, refuse := w.sup.limiter.admit(peer.Addr(), exempt)
	if refuse {
		w.sup.observe(ConnRefused{Worker: w.slot.id, Generation: w.generation, Limit: overLimit})
		return
	}
	c := newConn(fd, peer, w)
	c.overLimit, c.exempt = overLimit, exempt
	w.conns.add(c)
	served = true
	w.sup.pool.serve(c)
}

// serve runs a connection until it is closed or hijacked.
func (w *worker) serve(c *conn) {
	returned := false
	defer func() {
		switch {
		case returned:
		case c.goexited: // finishRequest has reported and answered it
			_ = c.Close()
		default:
			w.contain(placeConnection, recover())
			if !c.hijacked {
				c.answerFailure()
				_ = c.Close()
			}
		}
	}()
	var nc net.Conn = c
	if w.sup.opts.TLS != nil {
		nc = tls.Server(c, w.sup.opts.TLS)
	}
	_ = w.server.ServeConn(nc) // its error is caused by the client, and was answered
	if c.largeHead == found {
		c.largeHead = replayed
		_ = w.large.ServeConn(nc)
	}
	returned = true
}

// handle is the server's handler: it runs Options.Handler under guard and
// watched by the watchdog.
func (w *worker) handle(ctx *fasthttp.RequestCtx) {
	c := connOf(ctx)
	if c == nil { // the copy that TimeoutHandler makes has no connection
		w.sup.opts.Handler(ctx)
		return
	}
	c.requests.Add(1)
	c.writeWaited, c.writeTaken = 0, 0
	c.unsent++
	c.busy.Store(w.sup.clock.nanos())
	returned := false
	defer w.finishRequest(ctx, c, &returned)
	w.sup.opts.Handler(ctx)
	returned = true
}

// finishRequest completes a request, however its handler ended.
func (w *worker) finishRequest(ctx *fasthttp.RequestCtx, c *conn, returned *bool) {
	if !*returned {
		v := recover()
		w.contain(placeHandler, v)
		w.writeFailure(ctx)
		if v == nil { // runtime.Goexit: fasthttp will not get to send the response
			c.sendFailure(ctx)
			c.goexited = true
		}
	}
	c.busy.Store(0)
	resp := ctx.LastTimeoutErrorResponse() // if set, the timed-out handler may still write to ctx
	if resp == nil {
		if ctx.Hijacked() {
			c.hijacked, c.linger = true, false
			w.sup.addSession(c)
			return
		}
		resp = &ctx.Response
	}
	if w.draining.Load() || c.overLimit != "" {
		resp.SetConnectionClose()
	}
	c.linger = resp.StatusCode() >= fasthttp.StatusBadRequest || ctx.Request.IsBodyStream()
}

// sendFailure sends the response of a request whose goroutine is ending.
func (c *conn) sendFailure(ctx *fasthttp.RequestCtx) {
	if c.unsent > 1 {
		return // responses of earlier pipelined requests are lost with the goroutine
	}
	w := bufio.NewWriter(ctx.Conn())
	if ctx.Response.Write(w) == nil {
		_ = w.Flush()
	}
}

// answerFailure sends a bare 500 after a panic outside of a handler, if the
// client waits for a response and has received no part of it.
func (c *conn) answerFailure() {
	if c.unsent == 0 && !c.idle() && !c.peerGone.Load() && c.worker.sup.opts.TLS == nil {
		_, _ = c.Write([]byte("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	}
}

// trackState maintains what depends on whether a connection is idle.
func (w *worker) trackState(nc net.Conn, state fasthttp.ConnState) {
	c := connIn(nc)
	if c == nil {
		return
	}
	switch state {
	case fasthttp.StateActive:
		if c.requests.Load() > 0 { // the first request's time began at accept
			c.readWithin(w.readTimeout)
		}
		c.idleSince.Store(0)
		c.linger = true // until the handler returns, the request may fail at any point
	case fasthttp.StateIdle:
		c.readWithin(w.idleTimeout)
		c.idleSince.Store(w.sup.clock.nanos())
		c.received, c.lineEnded = 0, false
		c.readTimeouts, c.receivedBefore = 0, 0
		c.linger = true // a request may be on its way
	}
}

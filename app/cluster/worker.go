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
	conns      registry
	panics     atomic.Uint64

	readTimeout, idleTimeout time.Duration // 0 for none

	// draining makes every response carry Connection: close.
	draining atomic.Bool
	// failure is what ended an accept loop that was not asked to end.
	failure atomic.Pointer[error]

	// The supervisor's goroutine owns what follows.
	loops        []*acceptLoop
	drainStarted int64 // when it began to drain, in nanos
	abandoned    bool

	// accepting counts the accept loops that have not ended.
	accepting atomic.Int32
}

func (s *Supervisor) newWorker(sl *slot) *worker {
	w := &worker{sup: s, slot: sl, generation: sl.generation + 1, started: nanos(), server: &fasthttp.Server{}}
	if s.opts.Server != nil {
		s.opts.Server(w.server)
	}
	after := w.server.ConnState
	w.server.ConnState = func(nc net.Conn, state fasthttp.ConnState) {
		w.trackState(nc, state)
		if after != nil {
			after(nc, state)
		}
	}
	// The connection sees to these, for less than fasthttp's reading of the clock.
	w.readTimeout, w.idleTimeout = w.server.ReadTimeout, w.server.IdleTimeout
	if w.idleTimeout == 0 {
		w.idleTimeout = w.readTimeout
	}
	w.server.ReadTimeout, w.server.IdleTimeout = 0, 0
	w.server.Handler = w.handle
	w.server.KeepHijackedConns = true // a pooled one may be another client's by the time it is written to
	w.server.MaxConnsPerIP = 0        // wraps the connection, so that the guards would not find it
	w.server.Concurrency = s.opts.MaxConns + reservedConns
	return w
}

// take serves an accepted connection. It never blocks.
func (w *worker) serveAccepted(fd int, peer netip.AddrPort) {
	taken := false
	defer func() {
		if !taken {
			_ = unix.Close(fd)
		}
	}()
	exempt := w.sup.opts.Exempt(peer.Addr()) // may panic
	over, refuse := w.sup.admitConn(peer.Addr(), exempt)
	if refuse {
		w.sup.observe(Event{Kind: ConnRefused, Worker: w.slot.id, Generation: w.generation, Reason: over})
		return
	}
	c := newConn(fd, peer, w)
	c.overLimit, c.exempt = over, exempt
	w.conns.add(c)
	taken = true
	w.sup.pool.serve(c)
}

// serve runs a connection until it is closed or hijacked.
func (w *worker) serve(c *conn) {
	returned := false
	defer w.guard(placeConnection, &returned, func() {
		if !c.hijacked {
			c.answerFailure()
			_ = c.Close()
		}
	})
	defer func() {
		if c.goexited {
			returned = true // it was reported and answered
			_ = c.Close()
		}
	}()
	var nc net.Conn = c
	if w.sup.opts.TLS != nil {
		nc = tls.Server(c, w.sup.opts.TLS)
	}
	_ = w.server.ServeConn(nc) // its error is the client's doing, and was answered
	returned = true
}

// handle is the server's handler: the user's, under guard and under watch.
func (w *worker) handle(ctx *fasthttp.RequestCtx) {
	c := connOf(ctx)
	if c == nil { // a child of TimeoutHandler has no connection of its own
		w.sup.opts.Handler(ctx)
		return
	}
	c.requests.Add(1)
	c.unsent++
	c.busy.Store(w.sup.clock.nanos())
	returned := false
	defer w.finishRequest(ctx, c, &returned)
	w.sup.opts.Handler(ctx)
	returned = true
}

// leave ends a request, however its handler ended.
func (w *worker) finishRequest(ctx *fasthttp.RequestCtx, c *conn, returned *bool) {
	if !*returned {
		v := recover()
		w.contain(placeHandler, v)
		w.writeFailure(ctx)
		if v == nil { // Goexit: fasthttp will not get to send the response
			c.sendFailure(ctx)
			c.goexited = true
		}
	}
	c.busy.Store(0)
	resp := ctx.LastTimeoutErrorResponse() // if set, somebody may still be writing to ctx
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

// fail writes the response of a request whose handler did not return.
func (w *worker) writeFailure(ctx *fasthttp.RequestCtx) {
	written := false
	defer func() {
		if !written {
			_ = recover()
			plainFailure(ctx)
		}
		ctx.Response.SetConnectionClose()
	}()
	ctx.HijackSetNoResponse(false)
	w.sup.opts.Failed(ctx)
	written = true
}

// sendFailure sends the response of a request whose goroutine is ending.
func (c *conn) sendFailure(ctx *fasthttp.RequestCtx) {
	if c.unsent > 1 {
		return // those of earlier pipelined requests are lost with the goroutine
	}
	w := bufio.NewWriter(ctx.Conn())
	if ctx.Response.Write(w) == nil {
		_ = w.Flush()
	}
}

// answerFailure sends a bare 500 after a panic outside of a handler, if the
// client is owed a response and has got no part of it.
func (c *conn) answerFailure() {
	if c.unsent == 0 && !c.idle() && !c.peerGone.Load() && c.worker.sup.opts.TLS == nil {
		_, _ = c.Write([]byte("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	}
}

// noteState keeps the connection's idle mark.
func (w *worker) trackState(nc net.Conn, state fasthttp.ConnState) {
	c := connIn(nc)
	if c == nil {
		return
	}
	switch state {
	case fasthttp.StateActive:
		if c.requests.Load() > 0 { // the first has had its time since accept
			c.readWithin(w.readTimeout)
		}
		c.idleSince.Store(0)
		c.linger = true // until its handler returns, it may fail anywhere
	case fasthttp.StateIdle:
		c.readWithin(w.idleTimeout)
		c.idleSince.Store(w.sup.clock.nanos())
		c.linger = true // a request may be under way
	}
}

package cluster

import (
	"runtime/debug"

	"github.com/valyala/fasthttp"
)

// The places of a PanicContained event.
const (
	placeHandler    = "handler"
	placeConnection = "connection"
	placeHijack     = "hijacked connection"
	placeWebSocket  = "websocket"
	placeStream     = "body stream"
	placeHelper     = "helper"
	placeAcceptLoop = "accept loop"
)

// Places returns every Place that a PanicContained event can have.
func Places() []string {
	return []string{
		placeHandler, placeConnection, placeHijack, placeWebSocket, placeStream, placeHelper, placeAcceptLoop,
	}
}

// guard is deferred around code that may panic or end its goroutine. returned
// says that the code did neither. Otherwise guard contains the panic and calls
// after, if it is given. After runtime.Goexit the goroutine still ends.
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

// contain reports a recovered panic and requests a recycle of the worker.
func (w *worker) contain(place string, v any) {
	w.panics.Add(1)
	w.slot.panics.Add(1)
	w.sup.observe(PanicContained{
		Worker: w.slot.id, Generation: w.generation, Place: place, Value: v, Stack: debug.Stack(),
	})
	w.slot.recycle.Store(true)
	w.sup.wakeUp()
}

// Guard wraps a handler that runs in a goroutine of its own, such as the one
// passed to fasthttp.TimeoutHandler. A panic in it is answered by
// Options.PanicHandler and recycles the worker. Options.Handler needs no Guard.
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
// and recycles the request's worker. The supervisor neither stops f nor waits
// for it; the caller must. f must not use ctx after the handler has returned.
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

// writeFailure writes the response of a request whose handler did not return.
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
	w.sup.opts.PanicHandler(ctx)
	written = true
}

// plainFailure is the default of Options.PanicHandler.
func plainFailure(ctx *fasthttp.RequestCtx) {
	ctx.Response.Reset()
	ctx.SetStatusCode(fasthttp.StatusInternalServerError)
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString("Internal Server Error\n")
}

// Kill ends the accept loop of the worker that serves the request, as a fault
// in the loop would. It is meant for fault injection.
func Kill(ctx *fasthttp.RequestCtx) error {
	c := connOf(ctx)
	if c == nil {
		return errNoWorker
	}
	c.worker.sup.killAcceptLoops(c.worker.slot)
	return nil
}

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

// guard calls f. If f panics or ends its goroutine, guard contains that and then
// calls after, if it is given. After runtime.Goexit the goroutine still ends.
// Without a worker, guard only calls f.
func (w *worker) guard(place string, f, after func()) {
	returned := w == nil
	defer func() {
		if returned {
			return
		}
		w.contain(place, recover())
		if after != nil {
			after()
		}
	}()
	f()
	returned = true
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
		w := workerOf(ctx)
		w.guard(placeHelper, func() { h(ctx) }, func() { w.writeFailure(ctx) })
	}
}

// Go runs f in a goroutine on behalf of a request. A panic in f is reported
// and recycles the request's worker. The supervisor neither stops f nor waits
// for it; the caller must. f must not use ctx after the handler has returned.
func Go(ctx *fasthttp.RequestCtx, f func()) {
	go workerOf(ctx).guard(placeHelper, f, nil)
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
	w := workerOf(ctx)
	if w == nil {
		return errNoWorker
	}
	w.sup.killAcceptLoops(w.slot)
	return nil
}

// Package cluster runs a fasthttp handler on a pool of supervised workers
// within one process. It runs on Linux.
//
// Serve is all that a small program needs. A program that reloads, scales or
// observes the workers uses a Supervisor.
//
// A Supervisor opens one SO_REUSEPORT socket per slot and starts a worker for
// each: an accept loop, a fasthttp server and a registry of its connections.
// The sockets stay open when a worker ends. A panic or a call of
// runtime.Goexit costs the request that caused it. Then the worker is
// recycled: the next generation accepts on the same socket before the previous
// one drains. A worker that fails as a whole is restarted, with backoff if it
// fails too often, and a sibling accepts on its socket meanwhile. Scaling,
// reloading and shutting down lose no connection. DESIGN.md in this directory
// explains the choices.
//
// # Rules for handlers
//
// A panic can be recovered only in the goroutine in which it happens. The
// package can't guard goroutines that fasthttp or the handler start by
// themselves, so start them through this package:
//
//   - Hijack or Detach instead of RequestCtx.Hijack
//   - Upgrade instead of FastHTTPUpgrader.Upgrade
//   - StreamBody instead of RequestCtx.SetBodyStreamWriter
//   - Go instead of the go statement
//   - Guard around a handler that is passed to fasthttp.TimeoutHandler
//
// The package keeps no log and no metrics. It reports Events to
// Options.Observe, and its state through Status.
//
// All functions and methods may be called concurrently unless their comment
// says otherwise.
package cluster

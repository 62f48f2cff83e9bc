// Package cluster runs a fasthttp handler as a pool of supervised workers
// inside one process.
//
// A Supervisor opens one SO_REUSEPORT socket per slot and puts a worker behind
// each: an accept loop, a fasthttp server of its own and a registry of its
// connections. The sockets outlive the workers. A panic, or a call of
// runtime.Goexit, costs the request that caused it; its worker is recycled,
// which means that the next generation accepts on the same socket before the
// old one drains. A worker that fails as a whole is restarted, with backoff
// when that happens too often, and a sibling accepts on its socket meanwhile.
// Scaling, reloading and shutting down lose no connection. DESIGN.md, beside
// this file, has the choices and their reasons.
//
// # What the handler has to keep to
//
// A panic can be recovered only in the goroutine that it happens in. The
// goroutines that fasthttp or the handler start beyond the request's own are
// out of a worker's reach, so they must be started through this package:
//
//   - Hijack, not RequestCtx.Hijack
//   - Upgrade, not FastHTTPUpgrader.Upgrade
//   - StreamBody, not RequestCtx.SetBodyStreamWriter
//   - Go, not the go statement
//   - Guard around what is given to fasthttp.TimeoutHandler
//
// The package neither logs nor counts: it reports Events to the hook in
// Options and its state through Status. It runs on Linux.
//
// All methods of a Supervisor and all functions here may be called
// concurrently.
package cluster

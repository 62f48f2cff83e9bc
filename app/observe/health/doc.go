// Package health answers the startup, liveness and readiness probes. It combines
// the state of the workers with the registered checks and renders the response
// bodies; routes, status codes and headers are left to the caller.
//
// Checks run on the goroutine of a probe, at most once every 100 ms; other probes
// get the cached bodies meanwhile. The package starts no goroutines. Add must not
// be called after the first probe; all other methods are safe for concurrent use.
package health

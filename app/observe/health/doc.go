// Package health answers the probes: startup, liveness, readiness. It knows the
// state of the workers and the checks that were added, and renders the bodies;
// routes, status codes and headers belong to its users.
//
// Checks run at most every 100 ms, on the goroutine of whoever asks first after
// that; everybody else gets the bodies that are ready. Nothing here starts a
// goroutine. Add comes before the first probe, everything else may be called
// concurrently.
package health

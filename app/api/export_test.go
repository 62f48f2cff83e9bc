package api

import (
	"net/netip"
	"time"
)

// Slow has each client address wait so long for its next request, however slow
// the machine is; the burst stays as it was.
func Slow(a *API, wait time.Duration) {
	burst := a.clients.burst / a.clients.cost
	a.clients.cost, a.clients.burst = wait, burst*wait
}

// WaitForHistory has requests for history wait so long for their turn.
func WaitForHistory(a *API, wait time.Duration) { a.answers.wait = wait }

// Limiter is the limit of a rate, for times of the caller's.
type Limiter struct{ *limiter[netip.Addr] }

// NewLimiter is newLimiter.
func NewLimiter(rate, burst int) Limiter { return Limiter{newLimiter[netip.Addr](rate, burst)} }

// Take is take.
func (l Limiter) Take(key netip.Addr, now time.Duration) time.Duration { return l.take(key, now) }

// Routes returns the methods of every path of an API.
func Routes(a *API) map[string][]string {
	all := map[string][]string{}
	add := func(res *resource) {
		for _, rt := range res.routes {
			all[res.pattern] = append(all[res.pattern], rt.method)
		}
	}
	for _, res := range a.static {
		add(res)
	}
	for _, res := range a.patterns {
		add(res)
	}
	return all
}

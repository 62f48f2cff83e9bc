package api

import (
	"net/netip"
	"time"
)

// SetRateInterval sets the time between two requests of a client address, so that
// a test does not depend on the speed of the machine. The burst is unchanged.
func SetRateInterval(a *API, wait time.Duration) {
	burst := a.addressLimiter.tolerance / a.addressLimiter.interval
	a.addressLimiter.interval, a.addressLimiter.tolerance = wait, burst*wait
}

// SetHistoryWait sets how long requests for history wait for memory.
func SetHistoryWait(a *API, wait time.Duration) { a.historyBudget.maxWait = wait }

// RateLimiter is a rate limiter of addresses.
type RateLimiter struct{ *rateLimiter[netip.Addr] }

// NewRateLimiter is newRateLimiter.
func NewRateLimiter(rate, burst int) RateLimiter {
	return RateLimiter{newRateLimiter[netip.Addr](rate, burst)}
}

// Reserve is reserve.
func (l RateLimiter) Reserve(key netip.Addr, now time.Duration) time.Duration {
	return l.reserve(key, now)
}

// Routes returns the methods of every path of an API.
func Routes(a *API) map[string][]string {
	all := map[string][]string{}
	add := func(res *resource) {
		for _, rt := range res.routes {
			all[res.pattern] = append(all[res.pattern], rt.method)
		}
	}
	for _, res := range a.staticResources {
		add(res)
	}
	for _, res := range a.patternResources {
		add(res)
	}
	return all
}

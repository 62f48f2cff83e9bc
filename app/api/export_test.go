package api

import (
	"net/netip"
	"time"
)

// SetRateInterval has each client address wait so long for its next request, however slow
// the machine is; the burst stays as it was.
func SetRateInterval(a *API, wait time.Duration) {
	burst := a.addressLimiter.tolerance / a.addressLimiter.interval
	a.addressLimiter.interval, a.addressLimiter.tolerance = wait, burst*wait
}

// SetHistoryWait has requests for history wait so long for their turn.
func SetHistoryWait(a *API, wait time.Duration) { a.historyBudget.maxWait = wait }

// RateLimiter is the limit of a rate, for times of the caller's.
type RateLimiter struct{ *rateLimiter[netip.Addr] }

// NewRateLimiter is newLimiter.
func NewRateLimiter(rate, burst int) RateLimiter {
	return RateLimiter{newRateLimiter[netip.Addr](rate, burst)}
}

// Reserve is take.
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

package cluster

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// reservedConns is the number of connections accepted beyond a limit, for
// probes.
const reservedConns = 64

// connLimiter counts the open connections and enforces Limits. It may be used
// concurrently.
type connLimiter struct {
	limits  Limits
	open    atomic.Int64
	refused atomic.Uint64

	mu     sync.Mutex
	byAddr map[netip.Addr]int
}

func newConnLimiter(l Limits) *connLimiter {
	return &connLimiter{limits: l, byAddr: map[netip.Addr]int{}}
}

// admit counts a new connection. overLimit names the limit that the connection
// exceeds, if any. With refuse it exceeds the reserve as well and is not
// counted.
func (l *connLimiter) admit(addr netip.Addr, exempt bool) (overLimit string, refuse bool) {
	n := l.open.Add(1)
	if n > int64(l.limits.MaxConns) {
		overLimit = "connections of the process"
		refuse = n > int64(l.limits.MaxConns+reservedConns)
	}
	if !refuse && !exempt {
		addr = network(addr)
		l.mu.Lock()
		if open := l.byAddr[addr]; open >= l.limits.MaxConnsPerAddr {
			overLimit = "connections of one address"
			refuse = open >= l.limits.MaxConnsPerAddr+reservedConns
		}
		if !refuse {
			l.byAddr[addr]++
		}
		l.mu.Unlock()
	}
	if refuse {
		l.open.Add(-1)
		l.refused.Add(1)
	}
	return overLimit, refuse
}

// release uncounts a connection. exempt is what admit was called with.
func (l *connLimiter) release(addr netip.Addr, exempt bool) {
	l.open.Add(-1)
	if exempt {
		return
	}
	addr = network(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byAddr[addr]--; l.byAddr[addr] <= 0 {
		delete(l.byAddr, addr)
	}
}

// network returns what a client is counted by: its IPv4 address, or the /64 network
// of its IPv6 address, all addresses of which belong to one host.
func network(addr netip.Addr) netip.Addr {
	if !addr.Is6() || addr.Is4In6() {
		return addr.Unmap()
	}
	prefix, _ := addr.WithZone("").Prefix(64) // fails for no IPv6 address
	return prefix.Addr()
}

// OverLimit names the connection limit that the request's connection exceeds;
// "" if none. Such a connection is closed after this response. The handler
// should refuse every request on it except probes.
func OverLimit(ctx *fasthttp.RequestCtx) string {
	if c := connOf(ctx); c != nil {
		return c.overLimit
	}
	return ""
}

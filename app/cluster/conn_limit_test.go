package cluster_test

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// reservedConns is the number of connections accepted beyond a limit.
const reservedConns = 64

// limitAwareHandler refuses connections beyond a limit and names the limit.
func limitAwareHandler(ctx *fasthttp.RequestCtx) {
	if over := cluster.OverLimit(ctx); over != "" {
		ctx.Error(over, http.StatusServiceUnavailable)
		return
	}
	if cluster.Peer(ctx).String() != ctx.RemoteIP().String() {
		ctx.Error("wrong Peer", http.StatusInternalServerError)
		return
	}
	echoHandler(ctx)
}

// wantOverLimit sends a request on a new connection and wants the handler to
// refuse it and the connection to end.
func wantOverLimit(t *testing.T, c *client, reason string) {
	t.Helper()
	defer c.close()
	if a, err := c.get("/"); err != nil || a.status != http.StatusServiceUnavailable || a.body != reason || !a.willClose {
		t.Errorf("beyond the limit: %+v, %v, want 503 %q with Connection: close", a, err, reason)
	}
}

// wantClosedUnanswered wants a new connection to be closed without a response.
func wantClosedUnanswered(t *testing.T, addr string) {
	t.Helper()
	c := dial(t, addr)
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if b, err := io.ReadAll(c); len(b) > 0 {
		t.Errorf("beyond the reserve: %q, %v, want nothing", b, err)
	}
}

func TestMaxConnsIsEnforced(t *testing.T) {
	t.Parallel()
	const limit = 4
	r := start(t, cluster.Options{Handler: limitAwareHandler, Limits: cluster.Limits{MaxConns: limit}})
	kept := &client{addr: r.addr}
	defer kept.close()
	wantOK(t, kept)
	dialWebSocket(t, r.addr) // a session counts as well
	held := make([]net.Conn, 0, reservedConns)
	hold := func(n int) {
		t.Helper()
		for len(held) < n {
			held = append(held, dial(t, r.addr))
		}
		eventually(t, "connections", func() bool { return r.status().Conns == 2+n })
	}
	hold(limit - 2)
	for range 3 {
		wantOverLimit(t, &client{addr: r.addr}, "connections of the process")
		wantOK(t, kept) // existing clients are still served
	}
	hold(limit - 2 + reservedConns)
	for range 3 {
		wantClosedUnanswered(t, r.addr)
	}
	if st := r.status(); st.Refused != 3 || st.Conns != limit+reservedConns {
		t.Errorf("status %+v, want 3 refused and %d open", st, limit+reservedConns)
	}
	if e := waitForEvents[cluster.ConnRefused](t, r.events, 3)[0]; e.Limit != "connections of the process" || e.Worker == 0 {
		t.Errorf("ConnRefused: %+v, want the limit and the worker", e)
	}
	for _, c := range held {
		_ = c.Close()
	}
	eventually(t, "end of the connections", func() bool { return r.status().Conns == 2 })
	wantOK(t, &client{addr: r.addr, closeEach: true})
}

func TestMaxConnsPerAddrIsEnforced(t *testing.T) {
	t.Parallel()
	const limit = 2
	r := start(t, cluster.Options{Handler: limitAwareHandler, Limits: cluster.Limits{MaxConnsPerAddr: limit}})
	var held []net.Conn
	for range limit {
		held = append(held, dial(t, r.addr))
	}
	eventually(t, "connections", func() bool { return r.status().Conns == limit })
	wantOverLimit(t, &client{addr: r.addr}, "connections of one address")
	other := &client{addr: r.addr}
	other.conn, other.br = dialFromStallAddrWithReader(t, r.addr)
	wantOK(t, other)
	other.close()
	for range reservedConns {
		held = append(held, dial(t, r.addr))
	}
	eventually(t, "connections", func() bool { return r.status().Conns == limit+reservedConns })
	wantClosedUnanswered(t, r.addr)
	for _, c := range held {
		_ = c.Close()
	}
	eventually(t, "end of the connections", func() bool { return r.status().Conns == 0 })
	if n := cluster.CountedAddresses(r.Supervisor); n != 0 {
		t.Errorf("%d addresses are counted without a connection", n)
	}
	wantOK(t, &client{addr: r.addr, closeEach: true})
}

// TestAddressCountIsRightWhenExemptionChanges changes what Exempt returns for
// an address while its connections are open.
func TestAddressCountIsRightWhenExemptionChanges(t *testing.T) {
	t.Parallel()
	var exempt atomic.Bool
	r := start(t, cluster.Options{
		Handler: limitAwareHandler, Limits: cluster.Limits{MaxConnsPerAddr: 1, Exempt: func(netip.Addr) bool { return exempt.Load() }},
	})
	for _, now := range []bool{false, true, false, true, false} {
		exempt.Store(now)
		c := &client{addr: r.addr}
		wantOK(t, c)
		if now {
			wantOK(t, &client{addr: r.addr, closeEach: true})
		} else {
			wantOverLimit(t, &client{addr: r.addr}, "connections of one address")
		}
		exempt.Store(!now)
		c.close()
		eventually(t, "end of the connection", func() bool { return r.status().Conns == 0 })
		if n := cluster.CountedAddresses(r.Supervisor); n != 0 {
			t.Fatalf("%d addresses are counted without a connection", n)
		}
	}
}

package live_test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live"
)

func TestUpgradeRateIsAlsoTheBurst(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	allow := live.UpgradeLimiter(live.Limits{UpgradeRate: 4}, func() time.Time { return now })
	allowed := func() (n int) {
		for allow() {
			n++
		}
		return n
	}
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{0, 4}, {0, 0}, {249 * time.Millisecond, 0}, {time.Millisecond, 1}, {500 * time.Millisecond, 2}, {time.Hour, 4}} {
		now = now.Add(step.wait)
		if n := allowed(); n != step.want {
			t.Errorf("%v later %d upgrades are allowed, want %d", step.wait, n, step.want)
		}
	}
}

func TestNoUpgradeRateIsNoLimit(t *testing.T) {
	t.Parallel()
	allow := live.UpgradeLimiter(live.Limits{}, func() time.Time { return time.Time{} })
	for range 1000 {
		if !allow() {
			t.Fatal("an upgrade is refused without a limit")
		}
	}
}

func TestSessionLimits(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("a:admin:secret-of-a,b:admin:secret-of-b", 1)
	if err != nil {
		t.Fatal(err)
	}
	h := newNetHarness(t, func(o *live.Options) {
		o.Keys = access.NewKeys(list)
		o.Limits = live.Limits{Sockets: 4, PerAddress: 3, PerKey: 2}
	})
	refused := func(what, want string, headers ...string) {
		t.Helper()
		_, resp, err := h.dialWebSocket("/ws", headers...)
		if err == nil {
			t.Fatalf("%s is accepted", what)
		}
		if got := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Retry-After")); got != want {
			t.Errorf("%s: response %s, want %s", what, got, want)
		}
	}
	count := func(n int) {
		t.Helper()
		waitFor(t, "sessions", func() bool { return h.srv.Stats().Sessions["websocket"] == n })
	}
	a := h.openWebSocket("/ws", "X-API-Key", "secret-of-a")
	h.openWebSocket("/ws", "X-API-Key", "secret-of-a")
	count(2)
	refused("third session with the key", "429 5", "X-API-Key", "secret-of-a", "X-Addr", "192.0.2.9")
	h.openWebSocket("/ws", "X-API-Key", "secret-of-b")
	count(3)
	refused("fourth session of the address", "429 5", "X-API-Key", "secret-of-b")
	h.openWebSocket("/ws", "X-API-Key", "secret-of-b", "X-Addr", "192.0.2.9")
	count(4)
	refused("fifth session", "503 5", "X-Addr", "192.0.2.10")
	_ = a.Close()
	count(3)
	h.openWebSocket("/ws", "X-API-Key", "secret-of-a", "X-Addr", "192.0.2.9")
	if got := h.srv.Stats().Refused; got["key"] != 1 || got["address"] != 1 || got["process"] != 1 {
		t.Errorf("refused = %v", got)
	}
}

func TestUpgradesAreRefusedOverRateAndWhileDraining(t *testing.T) {
	t.Parallel()
	var draining atomic.Bool
	h := newNetHarness(t, func(o *live.Options) {
		o.Limits = live.Limits{UpgradeRate: 3}
		o.Conn.Draining = draining.Load
	})
	accepted, refused := 0, 0
	for range 20 {
		_, resp, err := h.dialWebSocket("/ws")
		switch {
		case err == nil:
			accepted++
		case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "1":
			refused++
		default:
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
	if accepted < 3 || refused == 0 {
		t.Errorf("of 20 upgrades %d are accepted and %d refused, with a rate of 3", accepted, refused)
	}
	draining.Store(true)
	if _, resp, err := h.dialWebSocket("/ws"); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Error("an upgrade is accepted while draining")
	}
	if h.srv.Stats().Refused["draining"] != 1 {
		t.Errorf("refused = %v", h.srv.Stats().Refused)
	}
}

// A handshake of Engine.IO starts a session like any other, whatever its transport.
func TestPollingHandshakesCountAgainstTheLimits(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, func(o *live.Options) { o.Limits = live.Limits{Sockets: 5, PerAddress: 2, UpgradeRate: 4} })
	handshake := func(addr string) (status int, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+h.addr+"/socket.io/?EIO=4&transport=polling", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Addr", addr)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK && resp.Header.Get("Retry-After") == "" {
			t.Errorf("status %d without Retry-After", resp.StatusCode)
		}
		return resp.StatusCode, string(text)
	}
	for i, want := range []int{200, 200, 429, 429} {
		if status, body := handshake("192.0.2.7"); status != want {
			t.Errorf("handshake %d of an address: %d %s, want %d", i, status, body, want)
		}
	}
	if status, body := handshake("192.0.2.8"); status != http.StatusOK {
		t.Errorf("handshake of another address: %d %s", status, body)
	}
	if _, resp, err := h.dialWebSocket("/ws", "X-Addr", "192.0.2.7"); err == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Error("the address may open a WebSocket beside its polling sessions")
	}
	waitFor(t, "a refusal for the rate", func() bool {
		handshake("192.0.2.9")
		return h.srv.Stats().Refused["rate"] > 0
	})
}

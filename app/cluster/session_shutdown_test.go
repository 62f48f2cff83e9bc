package cluster_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// echoMessages echoes each message.
func echoMessages(ws *websocket.Conn) {
	for {
		kind, message, err := ws.ReadMessage()
		if err != nil || ws.WriteMessage(kind, message) != nil {
			return
		}
	}
}

// echoHandler upgrades requests for /ws and responds with "ok" to others.
func echoHandler(ctx *fasthttp.RequestCtx) {
	if string(ctx.Path()) == "/ws" {
		_ = cluster.Upgrade(ctx, &upgrader, echoMessages)
		return
	}
	answerOK(ctx)
}

// dialWebSocket opens a WebSocket that is closed when the test ends.
func dialWebSocket(t testing.TB, addr string) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+addr+"/ws", nil)
	if err != nil {
		t.Fatalf("open a WebSocket: %v", err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return ws
}

func TestShutdownClosesWebSocketsWith1001OverSpread(t *testing.T) {
	t.Parallel()
	const clients, spread = 20, 300 * time.Millisecond
	r := start(t, cluster.Options{Handler: echoHandler, Shutdown: cluster.Shutdown{Spread: spread}})
	var wg sync.WaitGroup
	for range clients {
		ws := dialWebSocket(t, r.addr)
		if err := ws.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.ReadMessage(); err != nil { // from then on it is notified
			t.Fatal(err)
		}
		wg.Go(func() {
			if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
				t.Errorf("read of a WebSocket at shutdown: %v, want close 1001", err)
			}
		})
	}
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	wg.Wait()
	for _, e := range eventsOf[cluster.ShutdownStep](r.events) {
		switch e.Step {
		case "websockets notified":
			if least := spread * (clients - 1) / clients; e.Count != clients || e.Duration < least {
				t.Errorf("notified %d WebSockets within %v, want %d and at least %v", e.Count, e.Duration, clients, least)
			}
		case "websockets closed":
			if e.Count != 0 {
				t.Errorf("%d WebSockets were cut, want 0", e.Count)
			}
		}
	}
}

// TestUpgradeDuringShutdownIsClosedWith1001 upgrades a request after the
// existing WebSockets were notified.
func TestUpgradeDuringShutdownIsClosedWith1001(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
		close(entered)
		<-release
		echoHandler(ctx)
	}})
	closed := make(chan error)
	go func() {
		ws, _, err := websocket.DefaultDialer.Dial("ws://"+r.addr+"/ws", nil)
		if err == nil {
			_, _, err = ws.ReadMessage()
			_ = ws.Close()
		}
		closed <- err
	}()
	within(t, "request", entered)
	r.cancel()
	eventually(t, "WebSockets notified", func() bool {
		for _, e := range eventsOf[cluster.ShutdownStep](r.events) {
			if e.Step == "websockets notified" {
				return true
			}
		}
		return false
	})
	close(release)
	if err := within(t, "end of the WebSocket", closed); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("WebSocket opened during shutdown: %v, want close 1001", err)
	}
	if err := r.wait(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}

// TestStalledWebSocketsDoNotDelayOthersClose has clients that read nothing, so
// that there is no room for a close frame.
func TestStalledWebSocketsDoNotDelayOthersClose(t *testing.T) {
	t.Parallel()
	const stalled, healthy = 20, 5
	var writing atomic.Int64
	r := start(t, cluster.Options{Shutdown: cluster.Shutdown{Timeout: 3 * time.Second}, Handler: func(ctx *fasthttp.RequestCtx) {
		flood := ctx.QueryArgs().Has("flood")
		_ = cluster.Upgrade(ctx, &upgrader, func(ws *websocket.Conn) {
			for flood {
				writing.Add(1)
				if ws.WriteMessage(websocket.BinaryMessage, make([]byte, 1<<20)) != nil {
					return
				}
			}
			echoMessages(ws)
		})
	}})
	for range stalled {
		ws, _, err := websocket.DefaultDialer.Dial("ws://"+r.addr+"/?flood", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ws.Close() })
	}
	var wg sync.WaitGroup
	for range healthy {
		ws := dialWebSocket(t, r.addr)
		wg.Go(func() {
			if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
				t.Errorf("healthy WebSocket at shutdown: %v, want close 1001", err)
			}
		})
	}
	settled := int64(-1)
	eventually(t, "stalled writers", func() bool { // no message was written since the last check
		before := settled
		settled = writing.Load()
		return settled == before && settled >= stalled
	})
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	wg.Wait()
}

func TestRunWaitsForSessionHandlers(t *testing.T) {
	t.Parallel()
	begun, last, cut := make(chan struct{}), make(chan bool, 1), make(chan struct{})
	var r *testSupervisor
	started := make(chan struct{})
	r = start(t, cluster.Options{
		Observe: func(e cluster.Event) {
			if e, ok := e.(cluster.ShutdownStep); ok && e.Step == "websockets closed" {
				close(cut)
			}
		},
		Handler: func(ctx *fasthttp.RequestCtx) {
			cluster.Hijack(ctx, func(c net.Conn) {
				close(begun)
				_, _ = io.Copy(io.Discard, c)
				<-cut // ignores the notification
				<-started
				last <- r.outlives(50 * time.Millisecond)
			})
		},
	})
	close(started)
	_, _ = io.WriteString(dial(t, r.addr), "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	within(t, "session", begun)
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if !within(t, "end of the session", last) {
		t.Error("Run returned while a session's handler ran")
	}
}

package cluster_test

import (
	"bufio"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// exitGoroutine ends its goroutine. Tests look for its name in stacks.
func exitGoroutine() { runtime.Goexit() }

// TestGoexitIsContained checks that runtime.Goexit is handled like a panic.
// With fasthttp alone it leaks the connection and its count.
func TestGoexitIsContained(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler fasthttp.RequestHandler
		client  func(addr string) error
	}{
		"handler": {
			handler: func(*fasthttp.RequestCtx) { exitGoroutine() },
			client:  wantStatus(http.StatusInternalServerError),
		},
		"handler that has asked for a hijack": {
			handler: func(ctx *fasthttp.RequestCtx) {
				cluster.Hijack(ctx, func(net.Conn) {})
				exitGoroutine()
			},
			client: wantStatus(http.StatusInternalServerError),
		},
		"handler that streams": {
			handler: func(ctx *fasthttp.RequestCtx) {
				cluster.StreamBody(ctx, func(*bufio.Writer) error { return nil })
				exitGoroutine()
			},
			client: wantStatus(http.StatusInternalServerError),
		},
		"hijack": {
			handler: func(ctx *fasthttp.RequestCtx) {
				cluster.Hijack(ctx, func(net.Conn) { exitGoroutine() })
			},
			client: wantHijackedEnd,
		},
		"websocket": {
			handler: func(ctx *fasthttp.RequestCtx) {
				_ = cluster.Upgrade(ctx, &upgrader, func(ws *websocket.Conn) {
					_, _, _ = ws.NextReader()
					exitGoroutine()
				})
			},
			client: wantCloseInternal,
		},
		"stream": {
			handler: func(ctx *fasthttp.RequestCtx) {
				cluster.StreamBody(ctx, func(w *bufio.Writer) error {
					writePart(w)
					exitGoroutine()
					return nil
				})
			},
			client: wantCutBody,
		},
		"helper": {
			handler: func(ctx *fasthttp.RequestCtx) {
				cluster.Go(ctx, exitGoroutine)
				answerOK(ctx)
			},
			client: wantStatus(http.StatusOK),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, cluster.Options{Handler: withSite(tt.handler), Restart: cluster.Restart{MinUptime: time.Millisecond}})
			bystander := &client{addr: r.addr}
			defer bystander.close()
			wantOK(t, bystander)
			if err := tt.client(r.addr); err != nil {
				t.Errorf("client whose goroutine ended: %v", err)
			}
			waitForEvents[cluster.WorkerRecycled](t, r.events, 1)
			wantOK(t, bystander)
			bystander.close()
			eventually(t, "release of the connections", func() bool {
				st := r.status()
				return st.Conns == 0 && st.Sessions == 0 && st.DrainingGenerations == 0
			})
			if err := r.stop(); err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
			got := eventsOf[cluster.PanicContained](r.events)
			if len(got) != 1 || got[0].Value != nil || !strings.Contains(string(got[0].Stack), "cluster_test.exitGoroutine") {
				t.Errorf("PanicContained events %+v, want one without a value and with the stack", got)
			}
		})
	}
}

// TestTimedOutHandlerMayFailAfterItsResponse checks that a handler which
// fasthttp.TimeoutHandler no longer waits for may write to its request, panic
// or end its goroutine while the response is being sent.
func TestTimedOutHandlerMayFailAfterItsResponse(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panics": panicOnPurpose, "ends its goroutine": exitGoroutine, "returns": func() {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over, answered := make(chan struct{}), make(chan struct{})
			late := func(ctx *fasthttp.RequestCtx) {
				defer close(over)
				for n := 0; ; n++ {
					ctx.Response.SetStatusCode(http.StatusTeapot)
					ctx.Response.SetConnectionClose()
					ctx.SetBodyString("never sent")
					select {
					case <-answered:
						fail()
						return
					default:
					}
				}
			}
			r := start(t, cluster.Options{Handler: withSite(fasthttp.TimeoutWithCodeHandler(
				cluster.Guard(late), time.Millisecond, "late", http.StatusGatewayTimeout))})
			c := &client{addr: r.addr}
			defer c.close()
			if a, err := c.get("/site"); err != nil || a.status != http.StatusGatewayTimeout || a.body != "late" {
				t.Errorf("GET /site: %+v, %v, want 504 late", a, err)
			}
			close(answered)
			within(t, "end of the late handler", over)
			wantOK(t, c)
		})
	}
}

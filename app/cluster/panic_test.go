package cluster_test

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// panicSite is a place where a panic ends a process that uses fasthttp alone.
type panicSite struct {
	// guarded serves /site with the guards of this package.
	guarded cluster.Options
	// unguarded serves it without the guard. It is nil if the worker itself
	// has the guard; the control then uses guarded on plain fasthttp.
	unguarded fasthttp.RequestHandler
	// client causes the panic and returns an error if the client did not see
	// what it should.
	client func(addr string) error
}

// panicOnPurpose panics. Tests look for its name in stacks.
func panicOnPurpose() { panic("on purpose") }

// panicMidMessage panics while most of a long message is unread.
func panicMidMessage(ws *websocket.Conn) {
	_, _, _ = ws.NextReader()
	panicOnPurpose()
}

var upgrader = websocket.FastHTTPUpgrader{}

// panicSites are the places of panics that a handler can reach.
var panicSites = map[string]panicSite{
	"handler": {
		guarded: cluster.Options{Handler: func(*fasthttp.RequestCtx) { panicOnPurpose() }},
		client:  wantStatus(http.StatusInternalServerError),
	},
	"hijack": {
		guarded: cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
			cluster.Hijack(ctx, func(net.Conn) { panicOnPurpose() })
		}},
		unguarded: func(ctx *fasthttp.RequestCtx) { ctx.Hijack(func(net.Conn) { panicOnPurpose() }) },
		client:    wantHijackedEnd,
	},
	"websocket": {
		guarded: cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
			_ = cluster.Upgrade(ctx, &upgrader, panicMidMessage)
		}},
		unguarded: func(ctx *fasthttp.RequestCtx) {
			_ = upgrader.Upgrade(ctx, panicMidMessage)
		},
		client: wantCloseInternal,
	},
	"stream": {
		guarded: cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
			cluster.StreamBody(ctx, func(w *bufio.Writer) error {
				writePart(w)
				panicOnPurpose()
				return nil
			})
		}},
		unguarded: func(ctx *fasthttp.RequestCtx) {
			ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
				writePart(w)
				panicOnPurpose()
			})
		},
		client: wantCutBody,
	},
	"timeout handler": {
		guarded: cluster.Options{
			Handler: fasthttp.TimeoutHandler(cluster.Guard(func(*fasthttp.RequestCtx) { panicOnPurpose() }), patience, "late"),
		},
		unguarded: fasthttp.TimeoutHandler(func(*fasthttp.RequestCtx) { panicOnPurpose() }, patience, "late"),
		client:    wantStatus(http.StatusInternalServerError),
	},
	"connection state": {
		guarded: cluster.Options{
			Handler: func(ctx *fasthttp.RequestCtx) { panicOnNextRequest.Store(true); answerOK(ctx) },
			ConfigureServer: func(s *fasthttp.Server) {
				s.ConnState = func(_ net.Conn, state fasthttp.ConnState) {
					if state == fasthttp.StateActive && panicOnNextRequest.Swap(false) {
						panicOnPurpose()
					}
				}
			},
		},
		client: func(addr string) error {
			first := wantStatus(http.StatusOK)(addr)
			return errors.Join(first, wantStatus(http.StatusInternalServerError)(addr))
		},
	},
	"error handler": {
		guarded: cluster.Options{ConfigureServer: func(s *fasthttp.Server) {
			s.ErrorHandler = func(*fasthttp.RequestCtx, error) { panicOnPurpose() }
		}},
		client: func(addr string) error {
			c := &client{addr: addr}
			defer c.close()
			a, err := c.send("GET nonsense\r\n\r\n")
			return checkStatus(a, err, http.StatusInternalServerError)
		},
	},
	"helper": {
		guarded: cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
			cluster.Go(ctx, panicOnPurpose)
			answerOK(ctx)
		}},
		unguarded: func(ctx *fasthttp.RequestCtx) { go panicOnPurpose(); answerOK(ctx) },
		client:    wantStatus(http.StatusOK),
	},
}

// panicOnNextRequest is used in the subprocess of the site "connection state".
var panicOnNextRequest atomic.Bool

// guardedSubprocess serves a site under a Supervisor.
func guardedSubprocess(args []string) int {
	o := panicSites[strings.Join(args, " ")].guarded
	o.Handler, o.Restart.MinUptime = withSite(o.Handler), time.Millisecond
	return runInSubprocess(o, nil)
}

// unguardedSubprocess serves a site without the guard.
func unguardedSubprocess(args []string) int {
	s := panicSites[strings.Join(args, " ")]
	if s.unguarded != nil {
		return runInSubprocess(cluster.Options{Handler: withSite(s.unguarded)}, nil)
	}
	server := &fasthttp.Server{Handler: withSite(s.guarded.Handler)}
	if s.guarded.ConfigureServer != nil {
		s.guarded.ConfigureServer(server)
	}
	return runPlainServer(server)
}

func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	for name, site := range panicSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startSubprocess(t, "guarded "+name)
			bystander := &client{addr: c.addr}
			defer bystander.close()
			wantOK(t, bystander)
			if err := site.client(c.addr); err != nil {
				t.Errorf("client that caused the panic: %v", err)
			}
			e := waitForEvents[cluster.PanicContained](t, c.events, 1)[0]
			wantOK(t, bystander)
			if e.Value != "on purpose" || !strings.Contains(string(e.Stack), "cluster_test.panicOnPurpose") {
				t.Errorf("PanicContained: value %v, stack %s, want the panic's", e.Value, e.Stack)
			}
			if !slices.Contains(cluster.Places(), e.Place) {
				t.Errorf("PanicContained in %q, which is not in Places()", e.Place)
			}
			waitForEvents[cluster.WorkerRecycled](t, c.events, 1)
			wantOK(t, bystander)
			bystander.close()
			c.stop()
			if n := len(eventsOf[cluster.PanicContained](c.events)); n != 1 {
				t.Errorf("%d PanicContained events for one panic", n)
			}
		})
	}
}

// TestPanicWithoutGuardEndsProcess is the control of TestPanicIsContained: the
// same requests end a process that does not use the guards.
func TestPanicWithoutGuardEndsProcess(t *testing.T) {
	t.Parallel()
	for name, site := range panicSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startSubprocess(t, "unguarded "+name)
			wantOK(t, &client{addr: c.addr, closeEach: true})
			_ = site.client(c.addr) // may see the end of the process
			if err := c.wait(); err == nil || !strings.Contains(c.stderr.String(), "panic: on purpose") {
				t.Errorf("the subprocess ended with %v and stderr %q, want a panic", err, c.stderr)
			}
		})
	}
}

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

// site is a place where a panic ends a process that runs bare fasthttp.
type panicSite struct {
	// guarded serves /site as a program does that keeps to the rules.
	guarded cluster.Options
	// unguarded serves it with the guard left out; nil where the guard is the
	// worker's own, so that bare fasthttp with guarded's settings is what to
	// compare with.
	unguarded fasthttp.RequestHandler
	// client makes the panic happen and says what was wrong with what its
	// client saw.
	client func(addr string) error
}

// trouble panics. Its name is looked for in the stacks.
func panicOnPurpose() { panic("on purpose") }

// troubleAmidMessage panics while most of a long message is unread.
func panicMidMessage(ws *websocket.Conn) {
	_, _, _ = ws.NextReader()
	panicOnPurpose()
}

var upgrader = websocket.FastHTTPUpgrader{}

// sites are those that FACTS lists, and the others that can be reached.
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
			arm := wantStatus(http.StatusOK)(addr)
			return errors.Join(arm, wantStatus(http.StatusInternalServerError)(addr))
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

// armed is set in the child of "connection state".
var panicOnNextRequest atomic.Bool

// guardedChild serves a site under a Supervisor.
func guardedSubprocess(args []string) int {
	o := panicSites[strings.Join(args, " ")].guarded
	o.Handler, o.Restart.MinUptime = withSite(o.Handler), time.Millisecond
	return runInSubprocess(o, nil)
}

// unguardedChild is guardedChild without the guard.
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
				t.Errorf("the client of the panic: %v", err)
			}
			e := waitForEvents[cluster.PanicContained](t, c.events, 1)[0]
			wantOK(t, bystander)
			if e.Value != "on purpose" || !strings.Contains(string(e.Stack), "cluster_test.panicOnPurpose") {
				t.Errorf("Panicked event: value %v, stack %s, want the panic's", e.Value, e.Stack)
			}
			if !slices.Contains(cluster.Places(), e.Place) {
				t.Errorf("Panicked in %q, which Places() does not have", e.Place)
			}
			waitForEvents[cluster.WorkerRecycled](t, c.events, 1)
			wantOK(t, bystander)
			bystander.close()
			c.stop()
			if n := len(eventsOf[cluster.PanicContained](c.events)); n != 1 {
				t.Errorf("%d Panicked events for one panic", n)
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
			_ = site.client(c.addr) // sees the end of the process, or not
			if err := c.wait(); err == nil || !strings.Contains(c.stderr.String(), "panic: on purpose") {
				t.Errorf("the child ended with %v and said %q, want a panic", err, c.stderr)
			}
		})
	}
}

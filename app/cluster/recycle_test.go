package cluster_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

func TestRecycleOncePerMinUptime(t *testing.T) {
	t.Parallel()
	const panics, uptime = 200, 300 * time.Millisecond
	r := start(t, cluster.Options{Handler: faultHandler(nil), Workers: 1, Restart: cluster.Restart{MinUptime: uptime}})
	begin := time.Now()
	for range panics {
		if a := mustGet(t, r.addr, "/panic"); a.status != http.StatusInternalServerError {
			t.Fatalf("GET /panic = %d, want 500", a.status)
		}
	}
	waitForEvents[cluster.WorkerRecycled](t, r.events, 1)
	recycled := len(eventsOf[cluster.WorkerRecycled](r.events))
	if most := int(time.Since(begin)/uptime) + 1; recycled > most {
		t.Errorf("%d recycles in %v, want at most %d", recycled, time.Since(begin), most)
	}
	st := r.status().Workers[0]
	if n := len(eventsOf[cluster.PanicContained](r.events)); n != panics || st.Panics != panics || st.Restarts != 0 {
		t.Errorf("%d events of %d panics; status %+v", n, panics, st)
	}
	if e := eventsOf[cluster.WorkerRecycled](r.events)[0]; e.Worker != 1 || e.Generation != 2 || e.Reason != "panic" {
		t.Errorf("WorkerRecycled: %+v, want worker 1, generation 2, panic", e)
	}
}

// TestReplacedGenerationDrains checks that each kept-alive connection gets one
// more response, that the request in flight finishes, and that the generation
// ends then.
func TestReplacedGenerationDrains(t *testing.T) {
	t.Parallel()
	replace := map[string]func(r *testSupervisor){
		"reload": func(r *testSupervisor) { _, _ = r.Reload() },
		"panic": func(r *testSupervisor) {
			mustGet(r.t, r.addr, "/panic")
			waitForEvents[cluster.WorkerRecycled](r.t, r.events, 1)
		},
		"kill": func(r *testSupervisor) {
			mustGet(r.t, r.addr, "/kill")
			waitForEvents[cluster.WorkerStarted](r.t, r.events, 2)
		},
	}
	for name, replace := range replace {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered, release := make(chan struct{}), make(chan struct{})
			slow, other := slowHandler(entered, release), faultHandler(nil)
			r := start(t, cluster.Options{Workers: 1, Restart: cluster.Restart{MinUptime: time.Millisecond}, Handler: func(ctx *fasthttp.RequestCtx) {
				if string(ctx.Path()) == "/slow" {
					slow(ctx)
					return
				}
				other(ctx)
			}})
			kept := &client{addr: r.addr}
			defer kept.close()
			for range 3 {
				wantOK(t, kept)
			}
			inFlight := make(chan error)
			go func() {
				c := &client{addr: r.addr, closeEach: true}
				a, err := c.get("/slow")
				inFlight <- checkStatus(a, err, http.StatusOK)
			}()
			within(t, "request in flight", entered)

			replace(r)
			if a, err := kept.get("/"); err != nil || a.status != http.StatusOK || !a.willClose || kept.answered != 4 {
				t.Errorf("kept-alive connection: %+v, %v after %d requests, want 200 with Connection: close", a, err, kept.answered)
			}
			if st := r.status(); st.DrainingGenerations != 1 || st.Workers[0].InFlight != 1 {
				t.Errorf("status with a request of the previous generation in flight: %+v", st)
			}
			wantOK(t, kept) // on a new connection
			close(release)
			if err := within(t, "response", inFlight); err != nil {
				t.Errorf("request in flight: %v", err)
			}
			e := waitForEvents[cluster.GenerationEnded](t, r.events, 1)[0]
			if e.Worker != 1 || e.Generation != 1 {
				t.Errorf("GenerationEnded: %+v, want worker 1, generation 1", e)
			}
			if st := r.status(); st.DrainingGenerations != 0 || st.Workers[0].Generation != 2 || st.Workers[0].InFlight != 0 {
				t.Errorf("status after the generation ended: %+v", st)
			}
		})
	}
}

// TestTimedOutResponseClosesDrainingConnection checks that the response of
// TimeoutHandler carries Connection: close as well.
func TestTimedOutResponseClosesDrainingConnection(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	hang := func(*fasthttp.RequestCtx) { <-release }
	r := start(t, cluster.Options{Handler: withSite(fasthttp.TimeoutHandler(cluster.Guard(hang), time.Millisecond, "late"))})
	c := &client{addr: r.addr}
	defer c.close()
	wantOK(t, c)
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if a, err := c.get("/site"); err != nil || a.body != "late" || !a.willClose {
		t.Errorf("timed out on a draining worker: %+v, %v, want Connection: close", a, err)
	}
}

// TestWebSocketSurvivesRecycles exchanges numbered messages on one WebSocket
// during twenty recycles, a kill and a reload.
func TestWebSocketSurvivesRecycles(t *testing.T) {
	t.Parallel()
	other := faultHandler(nil)
	r := start(t, cluster.Options{Workers: 1, Restart: cluster.Restart{MinUptime: time.Millisecond}, Handler: func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/ws" {
			echoHandler(ctx)
			return
		}
		other(ctx)
	}})
	ws := dialWebSocket(t, r.addr)
	number := 0
	ping := func() {
		t.Helper()
		for range 5 {
			number++
			want := fmt.Sprint(number)
			if err := ws.WriteMessage(websocket.TextMessage, []byte(want)); err != nil {
				t.Fatalf("message %d: %v", number, err)
			}
			if _, got, err := ws.ReadMessage(); err != nil || string(got) != want {
				t.Fatalf("response to message %d: %q, %v", number, got, err)
			}
		}
	}
	ping()
	for i := range 20 {
		mustGet(t, r.addr, "/panic")
		waitForEvents[cluster.WorkerRecycled](t, r.events, i+1)
		ping()
	}
	mustGet(t, r.addr, "/kill")
	waitForEvents[cluster.WorkerStarted](t, r.events, 2)
	ping()
	if n, err := r.Reload(); n != 1 || err != nil {
		t.Fatalf("Reload() = %d, %v, want 1, nil", n, err)
	}
	ping()
	eventually(t, "end of the draining generations", func() bool { return r.status().DrainingGenerations == 0 })
	if st := r.status(); st.Sessions != 1 || st.Conns != 1 || st.Workers[0].Generation != 23 {
		t.Errorf("status %+v, want one session and generation 23", st)
	}
}

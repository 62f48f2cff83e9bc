package cluster_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// waitHandler returns a handler that waits on requests for /wait, the Waits
// that it begins, and the results of Wait.
func waitHandler() (h fasthttp.RequestHandler, waits <-chan *cluster.Wait, ends <-chan bool) {
	begun, gone := make(chan *cluster.Wait, 10), make(chan bool, 10)
	return func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) != "/wait" {
			answerOK(ctx)
			return
		}
		w := cluster.NewWait(ctx)
		begun <- w
		gone <- w.Wait()
		ctx.SetBodyString("waited")
	}, begun, gone
}

func TestWaitEndsWhenClientDisconnects(t *testing.T) {
	t.Parallel()
	server, peer := tlsConfigs(t)
	const request = "GET /wait HTTP/1.1\r\nHost: test\r\n\r\n"
	tests := map[string]struct {
		send   string
		config *tls.Config
		leave  func(c net.Conn)
	}{
		"closed":           {send: request, leave: func(c net.Conn) { _ = c.Close() }},
		"half closed":      {send: request, leave: func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() }},
		"reset":            {send: request, leave: func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }},
		"with a pipelined": {send: request + request, leave: func(c net.Conn) { _ = c.Close() }},
		"over TLS":         {send: request, config: peer, leave: func(c net.Conn) { _ = c.Close() }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, waits, ends := waitHandler()
			o := cluster.Options{Handler: h, Workers: 1}
			if tt.config != nil {
				o.TLS = server
			}
			r := start(t, o)
			c := dial(t, r.addr)
			if tt.config != nil {
				config := tt.config.Clone()
				config.ServerName = "127.0.0.1"
				c = tls.Client(c, config)
			}
			_, _ = io.WriteString(c, tt.send)
			within(t, "begin of the wait", waits)
			select {
			case gone := <-ends:
				t.Fatalf("Wait() = %v while the client is connected", gone)
			case <-time.After(10 * time.Millisecond):
			}
			tt.leave(c)
			if !within(t, "end of the wait", ends) {
				t.Error("Wait() = false, want true: the client has disconnected")
			}
			eventually(t, "release of the connections", func() bool { return r.status().Conns == 0 })
		})
	}
}

func TestWaitOutlivesTheReadTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	h, waits, ends := waitHandler()
	r := start(t, cluster.Options{Handler: h, Workers: 1, ConfigureServer: timeouts(timeout, patience)})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
	w := within(t, "begin of the wait", waits)
	select {
	case gone := <-ends:
		t.Fatalf("Wait() = %v while the client is connected", gone)
	case <-time.After(timeout + timeout/4):
	}
	w.Wake()
	if within(t, "end of the wait", ends) {
		t.Error("Wait() = true, want false: the client is connected")
	}
}

// TestWakeEndsWaitAndKeepsConnection also calls Wake after the end of the wait.
func TestWakeEndsWaitAndKeepsConnection(t *testing.T) {
	t.Parallel()
	h, waits, ends := waitHandler()
	r := start(t, cluster.Options{Handler: h, Workers: 1, ConfigureServer: timeouts(patience, patience)})
	c := &client{addr: r.addr}
	defer c.close()
	var w *cluster.Wait
	for round := range 20 {
		answered := make(chan error, 1)
		go func() {
			a, err := c.get("/wait")
			if err == nil && (a.status != http.StatusOK || a.body != "waited") {
				t.Errorf("GET /wait = %+v", a)
			}
			answered <- err
		}()
		w = within(t, "begin of the wait", waits)
		w.Wake()
		if within(t, "end of the wait", ends) {
			t.Error("Wait() = true, want false: the client is connected")
		}
		if err := within(t, "response", answered); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		w.Wake() // too late, without effect
		if a, err := c.get("/"); err != nil || a.body != "ok" {
			t.Fatalf("after round %d: %+v, %v", round, a, err)
		}
	}
	if c.answered != 40 {
		t.Errorf("the connection served %d requests, want 40", c.answered)
	}
}

func TestWakeBeforeWaitIsKept(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Workers: 1, Handler: func(ctx *fasthttp.RequestCtx) {
		w := cluster.NewWait(ctx)
		w.Wake()
		if w.Wait() {
			t.Error("Wait() = true, want false")
		}
	}})
	c := &client{addr: r.addr}
	defer c.close()
	for range 3 {
		if a, err := c.get("/"); err != nil || a.status != http.StatusOK {
			t.Fatalf("GET / = %+v, %v", a, err)
		}
	}
}

func TestWaitWithoutSupervisorCanBeWoken(t *testing.T) {
	t.Parallel()
	w := cluster.NewWait(&fasthttp.RequestCtx{})
	go w.Wake()
	if w.Wait() {
		t.Error("Wait() = true, want false")
	}
	w.Wake()
}

// TestDrainingWorkerDoesNotEndWait also checks that the response ends the
// connection.
func TestDrainingWorkerDoesNotEndWait(t *testing.T) {
	t.Parallel()
	h, waits, ends := waitHandler()
	r := start(t, cluster.Options{Handler: h, Workers: 1})
	c := &client{addr: r.addr}
	answers := make(chan response, 1)
	go func() {
		a, err := c.get("/wait")
		if err != nil {
			t.Error(err)
		}
		answers <- a
	}()
	w := within(t, "begin of the wait", waits)
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "next generation", func() bool { return r.status().Workers[0].Generation == 2 })
	select {
	case gone := <-ends:
		t.Fatalf("Wait() = %v while the worker drains", gone)
	case <-time.After(20 * time.Millisecond):
	}
	w.Wake()
	if within(t, "end of the wait", ends) {
		t.Error("Wait() = true, want false")
	}
	if a := within(t, "response", answers); a.body != "waited" || !a.willClose {
		t.Errorf("response = %+v, want Connection: close", a)
	}
}

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

// waiting is a handler that waits, and tells of it.
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

// TestWaitEndsWhenTheClientGoes: however it goes, and whatever it has sent
// before.
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
			within(t, "the wait", waits)
			select {
			case gone := <-ends:
				t.Fatalf("Wait() = %v while the client waits", gone)
			case <-time.After(10 * time.Millisecond):
			}
			tt.leave(c)
			if !within(t, "the end of the wait", ends) {
				t.Error("Wait() = false, want true: the client has gone")
			}
			eventually(t, "connections counted out", func() bool { return r.status().Conns == 0 })
		})
	}
}

// TestWaitOutlivesTheReadTimeout: the time in which a request has to be read says
// nothing of how long its answer may take.
func TestWaitOutlivesTheReadTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	h, waits, ends := waitHandler()
	r := start(t, cluster.Options{Handler: h, Workers: 1, ConfigureServer: timeouts(timeout, patience)})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
	w := within(t, "the wait", waits)
	select {
	case gone := <-ends:
		t.Fatalf("Wait() = %v while the client waits", gone)
	case <-time.After(timeout + timeout/4):
	}
	w.Wake()
	if within(t, "the end of the wait", ends) {
		t.Error("Wait() = true, want false: the client is there")
	}
}

// TestWake: the wait ends, and the connection serves on, whenever and however
// often Wake was called.
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
		w = within(t, "the wait", waits)
		w.Wake()
		if within(t, "the end of the wait", ends) {
			t.Error("Wait() = true, want false: the client is there")
		}
		if err := within(t, "the answer", answered); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		w.Wake() // too late: it is about nobody
		if a, err := c.get("/"); err != nil || a.body != "ok" {
			t.Fatalf("after round %d: %+v, %v", round, a, err)
		}
	}
	if c.answered != 40 {
		t.Errorf("the connection served %d requests, want 40", c.answered)
	}
}

// TestWakeBeforeTheWait: it is not lost.
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

// TestWaitOfAnotherConnection: a request that came by no connection of the
// cluster's can be woken all the same.
func TestWaitWithoutSupervisorCanBeWoken(t *testing.T) {
	t.Parallel()
	w := cluster.NewWait(&fasthttp.RequestCtx{})
	go w.Wake()
	if w.Wait() {
		t.Error("Wait() = true, want false")
	}
	w.Wake()
}

// TestWaitOfADrainingWorker: that a worker drains does not end the wait, and
// the client is answered once more.
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
	w := within(t, "the wait", waits)
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next generation", func() bool { return r.status().Workers[0].Generation == 2 })
	select {
	case gone := <-ends:
		t.Fatalf("Wait() = %v while the worker drains", gone)
	case <-time.After(20 * time.Millisecond):
	}
	w.Wake()
	if within(t, "the end of the wait", ends) {
		t.Error("Wait() = true, want false")
	}
	if a := within(t, "the answer", answers); a.body != "waited" || !a.willClose {
		t.Errorf("answer = %+v, want one that ends the connection", a)
	}
}

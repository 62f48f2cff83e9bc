package engineio_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

func TestDrain(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	waits, away := p.open(), p.open()
	poll := p.startPoll(waits)
	_ = p.session(away).Send(text("last"))
	w, sid := p.connect()
	p.server.Drain(t.Context(), 50*time.Millisecond)
	receive(t, poll).want(t, 200, "1")
	p.get(away).want(t, 200, "4last")
	p.get(away).want(t, 200, "1")
	w.wantClose(1001)
	for _, sid := range []string{waits, away, sid} {
		p.session(sid).wantClosed(t, engineio.ServerShutdown)
	}
	a := p.mustRequest("GET", pollingQuery, "")
	a.wantRefusal(t, http.StatusServiceUnavailable, 6, "Server is shutting down")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if _, resp, err := websocket.DefaultDialer.Dial("ws://"+p.addr+"/?EIO=4&transport=websocket", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a WebSocket during the drain: %v", err)
	}
	p.server.Drain(t.Context(), 0) // twice is as good as once
	if n := p.server.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestDrainIsSpread(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	const n = 20
	for range n {
		p.open()
	}
	begin := time.Now()
	p.server.Drain(t.Context(), 400*time.Millisecond)
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("all were told within %v", took)
	}
	for _, s := range p.sessions {
		s.wantClosed(t, engineio.ServerShutdown)
	}
}

func TestDrainThatIsCutShort(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for range 5 {
		p.open()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	p.server.Drain(ctx, time.Hour)
	if took := time.Since(begin); took > testTimeout {
		t.Errorf("it took %v", took)
	}
	for _, s := range p.sessions {
		s.wantClosed(t, engineio.ServerShutdown)
	}
}

// Whoever runs the connections may send them away before Drain does.
func TestShutdownOfTheConnections(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	w, sid := p.connect()
	p.stop()
	w.wantClose(1001)
	p.session(sid).wantClosed(t, engineio.ServerShutdown)
}

// A session that is being opened when Drain looks is told as well.
func TestDrainWhileASessionOpens(t *testing.T) {
	t.Parallel()
	opening, goOn := make(chan struct{}), make(chan struct{})
	var p *testServer
	ready := make(chan struct{})
	p = startServer(t, engineio.Options{Open: func(s *engineio.Session) engineio.Receiver {
		<-ready
		opening <- struct{}{}
		<-goOn
		return p.echo(s)
	}})
	close(ready)
	got := p.requestAsync("GET", "", "")
	<-opening
	p.server.Drain(t.Context(), 0)
	goOn <- struct{}{}
	sid := sidOf(t, receive(t, got).body)
	p.get(sid).want(t, http.StatusOK, "1")
	p.session(sid).wantClosed(t, engineio.ServerShutdown)
}

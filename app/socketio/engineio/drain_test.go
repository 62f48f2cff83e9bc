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
	ts := startServer(t, engineio.Options{})
	waits, away := ts.open(), ts.open()
	poll := ts.startPoll(waits)
	_ = ts.session(away).Send(text("last"))
	w, sid := ts.connect()
	ts.server.Drain(t.Context(), 50*time.Millisecond)
	receive(t, poll).want(t, 200, "1")
	ts.get(away).want(t, 200, "4last")
	ts.get(away).want(t, 200, "1")
	w.wantClose(1001)
	for _, sid := range []string{waits, away, sid} {
		ts.session(sid).wantClosed(t, engineio.ServerShutdown)
	}
	a := ts.mustRequest("GET", pollingQuery, "")
	a.wantRefusal(t, http.StatusServiceUnavailable, 6, "Server is shutting down")
	if a.header.Get("Retry-After") == "" {
		t.Error("Retry-After is missing")
	}
	if _, resp, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/?EIO=4&transport=websocket", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a WebSocket during the drain: %v", err)
	}
	ts.server.Drain(t.Context(), 0) // a second call has no effect
	if n := ts.server.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions left", n)
	}
}

func TestDrainIsSpread(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	const n = 20
	for range n {
		ts.open()
	}
	begin := time.Now()
	ts.server.Drain(t.Context(), 400*time.Millisecond)
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("all sessions were closed within %v", took)
	}
	for _, s := range ts.sessions {
		s.wantClosed(t, engineio.ServerShutdown)
	}
}

func TestDrainClosesAllWhenContextEnds(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for range 5 {
		ts.open()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	ts.server.Drain(ctx, time.Hour)
	if took := time.Since(begin); took > testTimeout {
		t.Errorf("took %v", took)
	}
	for _, s := range ts.sessions {
		s.wantClosed(t, engineio.ServerShutdown)
	}
}

func TestClusterShutdownClosesSessions(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	w, sid := ts.connect()
	ts.stop()
	w.wantClose(1001)
	ts.session(sid).wantClosed(t, engineio.ServerShutdown)
}

func TestDrainClosesOpeningSession(t *testing.T) {
	t.Parallel()
	opening, goOn := make(chan struct{}), make(chan struct{})
	var ts *testServer
	ready := make(chan struct{})
	ts = startServer(t, engineio.Options{Open: func(s *engineio.Session) engineio.Receiver {
		<-ready
		opening <- struct{}{}
		<-goOn
		return ts.echo(s)
	}})
	close(ready)
	got := ts.requestAsync("GET", "", "")
	<-opening
	ts.server.Drain(t.Context(), 0)
	goOn <- struct{}{}
	sid := sidOf(t, receive(t, got).body)
	ts.get(sid).want(t, http.StatusOK, "1")
	ts.session(sid).wantClosed(t, engineio.ServerShutdown)
}

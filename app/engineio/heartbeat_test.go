package engineio_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/engineio"
)

// hurried are the times that protocol suites run with.
var hurried = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond}

func TestHeartbeatOfPolling(t *testing.T) {
	t.Parallel()
	p := start(t, hurried)
	begin := time.Now()
	sid := p.open()
	for i := range 3 {
		p.get(sid).wants(t, 200, "2")
		if took := time.Since(begin); took < time.Duration(i+1)*300*time.Millisecond {
			t.Errorf("ping %d came after %v", i, took)
		}
		p.post(sid, "3").wants(t, 200, "ok")
	}
}

func TestHeartbeatOfWebSocket(t *testing.T) {
	t.Parallel()
	p := start(t, hurried)
	w, _ := p.connect()
	for range 3 {
		w.wants("2")
		w.send("3")
	}
}

func TestPingTimeout(t *testing.T) {
	t.Parallel()
	p := start(t, hurried)
	t.Run("polling, to the moment", func(t *testing.T) {
		sid := p.open()
		wait(t, 500*time.Millisecond)
		p.get(sid).refuses(t, 400, 1, "Session ID unknown")
		p.session(sid).wantsEnd(t, engineio.PingTimeout)
	})
	t.Run("polling, a poll waits", func(t *testing.T) {
		sid := p.open()
		p.get(sid).wants(t, 200, "2")
		p.get(sid).wants(t, 200, "1")
		p.session(sid).wantsEnd(t, engineio.PingTimeout)
	})
	t.Run("WebSocket", func(t *testing.T) {
		begin := time.Now()
		w, sid := p.connect()
		w.wants("2")
		w.wantsClose(1000)
		if took := time.Since(begin); took < 500*time.Millisecond || took > 5*time.Second {
			t.Errorf("closed after %v", took)
		}
		p.session(sid).wantsEnd(t, engineio.PingTimeout)
	})
	t.Run("nobody polls", func(t *testing.T) {
		sid := p.open()
		p.session(sid).wantsEnd(t, engineio.PingTimeout)
		if p.server.Known(sid) {
			t.Error("the session is still known")
		}
	})
}

// wait lets time pass, where that is what a test is about.
func wait(t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func TestAClientThatSendsHasItsPongBehindThat(t *testing.T) {
	t.Parallel()
	p := start(t, hurried)
	w, sid := p.connect()
	w.wants("2")
	w.send("4busy")
	w.wants("4busy")
	wait(t, 250*time.Millisecond) // the pong is late by more than the wheel's tick
	w.send("3")
	w.wants("2") // and counts
	p.session(sid).wantsEnd(t, engineio.PingTimeout)
}

func TestPongWithoutPingPutsOffNothing(t *testing.T) {
	t.Parallel()
	p := start(t, hurried)
	begin := time.Now()
	w, _ := p.connect()
	wait(t, 200*time.Millisecond)
	w.send("3")
	w.wants("2")
	if took := time.Since(begin); took > 450*time.Millisecond {
		t.Errorf("the ping came after %v", took)
	}
}

package engineio_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/socketio/engineio"
)

// The pong may take longer than a busy machine does.
var (
	shortInterval = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: testTimeout}
	shortTimeout  = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 1500 * time.Millisecond}
)

func TestHeartbeatOfPolling(t *testing.T) {
	t.Parallel()
	p := startServer(t, shortInterval)
	begin := time.Now()
	sid := p.open()
	for i := range 3 {
		p.get(sid).want(t, 200, "2")
		if took := time.Since(begin); took < time.Duration(i+1)*300*time.Millisecond {
			t.Errorf("ping %d came after %v", i, took)
		}
		p.post(sid, "3").want(t, 200, "ok")
	}
}

func TestHeartbeatOfWebSocket(t *testing.T) {
	t.Parallel()
	p := startServer(t, shortInterval)
	w, _ := p.connect()
	for range 3 {
		w.wantPacket("2")
		w.send("3")
	}
}

func TestPingTimeout(t *testing.T) {
	t.Parallel()
	p := startServer(t, shortTimeout)
	t.Run("polling, before the timer notices", func(t *testing.T) {
		p := startServer(t, engineio.Options{}, (*engineio.Server).FreezeClock)
		for _, ask := range []func(sid string) response{p.get, func(sid string) response { return p.post(sid, "3") }} {
			sid := p.open()
			p.server.ExpirePong(sid)
			ask(sid).wantRefusal(t, 400, 1, "Session ID unknown")
			p.session(sid).wantClosed(t, engineio.PingTimeout)
		}
	})
	t.Run("polling, a poll waits", func(t *testing.T) {
		t.Parallel()
		p := startServer(t, engineio.Options{})
		sid := p.open()
		poll := p.startPoll(sid)
		p.server.FireTimerLate(sid, 0)
		receive(t, poll).want(t, 200, "2")
		poll = p.startPoll(sid) // which is no pong
		p.server.FireTimerLate(sid, 0)
		receive(t, poll).want(t, 200, "1")
		p.session(sid).wantClosed(t, engineio.PingTimeout)
	})
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		begin := time.Now()
		w, sid := p.connect()
		w.wantPacket("2")
		w.wantClose(1000)
		if took := time.Since(begin); took < 1800*time.Millisecond {
			t.Errorf("closed after %v", took)
		}
		p.session(sid).wantClosed(t, engineio.PingTimeout)
	})
	t.Run("nobody polls", func(t *testing.T) {
		t.Parallel()
		sid := p.open()
		p.session(sid).wantClosed(t, engineio.PingTimeout)
		if p.server.HasSession(sid) {
			t.Error("the session is still known")
		}
	})
}

// TestALatePingHelpsNobodyWhoIsNotThere: the time of a client without a poll
// runs from when the ping was due; who waits for it has all of it.
func TestALatePingHelpsNobodyWhoIsNotThere(t *testing.T) {
	t.Parallel()
	const timeout, early = 200 * time.Millisecond, 50 * time.Millisecond
	p := startServer(t, engineio.Options{PingInterval: time.Hour, PingTimeout: timeout}, (*engineio.Server).FreezeClock)
	sid := p.open()
	p.server.SetDeadlinePast(sid, timeout) // and the timer has not even come to the ping
	p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	p.session(sid).wantClosed(t, engineio.PingTimeout)

	sid = p.open()
	due := p.server.SetDeadlinePast(sid, timeout-early)
	p.server.FireTimer(sid)
	if got := p.server.Deadline(sid); got != due+int64(timeout) {
		t.Errorf("without a poll the pong is due %v after the ping was, want %v", time.Duration(got-due), timeout)
	}

	sid = p.open()
	poll := p.startPoll(sid)
	due = p.server.SetDeadlinePast(sid, timeout-early)
	p.server.FireTimer(sid)
	receive(t, poll).want(t, 200, "2")
	if got := p.server.Deadline(sid); got != due+int64(timeout-early)+int64(timeout) {
		t.Errorf("with a poll the pong is due %v after the ping was, want %v from now", time.Duration(got-due), timeout)
	}
}

func TestAClientThatSendsHasItsPongBehindThat(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	w, sid := p.connect()
	p.server.FireTimerLate(sid, 0)
	w.wantPacket("2")
	w.send("4busy")
	w.wantPacket("4busy")
	p.server.FireTimerLate(sid, time.Millisecond) // the pong is late
	w.send("3")
	w.send("4a")
	w.wantPacket("4a")
	p.server.FireTimerLate(sid, 0)
	w.wantPacket("2") // and counted
	p.server.FireTimerLate(sid, time.Millisecond)
	w.wantClose(1000)
}

func TestPongWithoutPingPutsOffNothing(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	w, sid := p.connect()
	due := p.server.Deadline(sid)
	w.send("3")
	w.send("4a")
	w.wantPacket("4a")
	if got := p.server.Deadline(sid); got != due {
		t.Errorf("the ping was put off from %d to %d", due, got)
	}
}

func TestAProcessThatStoodStill(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	w, sid := p.connect()
	p.server.FireTimerLate(sid, time.Minute) // the ping was late, and so may be the pong
	w.wantPacket("2")
	p.server.FireTimerLate(sid, time.Minute) // nothing was read meanwhile
	w.send("4a")
	w.wantPacket("4a")
	w.send("3")
	w.send("4b")
	w.wantPacket("4b")
	p.server.FireTimerLate(sid, 0)
	w.wantPacket("2")
	p.server.FireTimerLate(sid, 30*time.Millisecond)
	w.wantClose(1000)
	p.session(sid).wantClosed(t, engineio.PingTimeout)
}

func TestATimerThatWasMovedDoesNothing(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	w, sid := p.connect()
	p.server.FireTimerLate(sid, -time.Hour)
	w.send("4a")
	w.wantPacket("4a")
}

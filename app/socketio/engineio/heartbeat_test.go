package engineio_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/socketio/engineio"
)

// The pong may take longer than a busy machine does.
var (
	hurried   = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: patience}
	impatient = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 1500 * time.Millisecond}
)

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
	p := start(t, impatient)
	t.Run("polling, before the timer notices", func(t *testing.T) {
		p := start(t, engineio.Options{}, (*engineio.Server).Freeze)
		for _, ask := range []func(sid string) answer{p.get, func(sid string) answer { return p.post(sid, "3") }} {
			sid := p.open()
			p.server.Overdue(sid)
			ask(sid).refuses(t, 400, 1, "Session ID unknown")
			p.session(sid).wantsEnd(t, engineio.PingTimeout)
		}
	})
	t.Run("polling, a poll waits", func(t *testing.T) {
		t.Parallel()
		p := start(t, engineio.Options{})
		sid := p.open()
		poll := p.poll(sid)
		p.server.Late(sid, 0)
		receive(t, poll).wants(t, 200, "2")
		poll = p.poll(sid) // which is no pong
		p.server.Late(sid, 0)
		receive(t, poll).wants(t, 200, "1")
		p.session(sid).wantsEnd(t, engineio.PingTimeout)
	})
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		begin := time.Now()
		w, sid := p.connect()
		w.wants("2")
		w.wantsClose(1000)
		if took := time.Since(begin); took < 1800*time.Millisecond {
			t.Errorf("closed after %v", took)
		}
		p.session(sid).wantsEnd(t, engineio.PingTimeout)
	})
	t.Run("nobody polls", func(t *testing.T) {
		t.Parallel()
		sid := p.open()
		p.session(sid).wantsEnd(t, engineio.PingTimeout)
		if p.server.Known(sid) {
			t.Error("the session is still known")
		}
	})
}

// TestALatePingHelpsNobodyWhoIsNotThere: the time of a client without a poll
// runs from when the ping was due; who waits for it has all of it.
func TestALatePingHelpsNobodyWhoIsNotThere(t *testing.T) {
	t.Parallel()
	const timeout, early = 200 * time.Millisecond, 50 * time.Millisecond
	p := start(t, engineio.Options{PingInterval: time.Hour, PingTimeout: timeout}, (*engineio.Server).Freeze)
	sid := p.open()
	p.server.Behind(sid, timeout) // and the timer has not even come to the ping
	p.get(sid).refuses(t, 400, 1, "Session ID unknown")
	p.session(sid).wantsEnd(t, engineio.PingTimeout)

	sid = p.open()
	due := p.server.Behind(sid, timeout-early)
	p.server.Tick(sid)
	if got := p.server.Due(sid); got != due+int64(timeout) {
		t.Errorf("without a poll the pong is due %v after the ping was, want %v", time.Duration(got-due), timeout)
	}

	sid = p.open()
	poll := p.poll(sid)
	due = p.server.Behind(sid, timeout-early)
	p.server.Tick(sid)
	receive(t, poll).wants(t, 200, "2")
	if got := p.server.Due(sid); got != due+int64(timeout-early)+int64(timeout) {
		t.Errorf("with a poll the pong is due %v after the ping was, want %v from now", time.Duration(got-due), timeout)
	}
}

func TestAClientThatSendsHasItsPongBehindThat(t *testing.T) {
	t.Parallel()
	p := start(t, engineio.Options{})
	w, sid := p.connect()
	p.server.Late(sid, 0)
	w.wants("2")
	w.send("4busy")
	w.wants("4busy")
	p.server.Late(sid, time.Millisecond) // the pong is late
	w.send("3")
	w.send("4a")
	w.wants("4a")
	p.server.Late(sid, 0)
	w.wants("2") // and counted
	p.server.Late(sid, time.Millisecond)
	w.wantsClose(1000)
}

func TestPongWithoutPingPutsOffNothing(t *testing.T) {
	t.Parallel()
	p := start(t, engineio.Options{})
	w, sid := p.connect()
	due := p.server.Due(sid)
	w.send("3")
	w.send("4a")
	w.wants("4a")
	if got := p.server.Due(sid); got != due {
		t.Errorf("the ping was put off from %d to %d", due, got)
	}
}

func TestAProcessThatStoodStill(t *testing.T) {
	t.Parallel()
	p := start(t, engineio.Options{})
	w, sid := p.connect()
	p.server.Late(sid, time.Minute) // the ping was late, and so may be the pong
	w.wants("2")
	p.server.Late(sid, time.Minute) // nothing was read meanwhile
	w.send("4a")
	w.wants("4a")
	w.send("3")
	w.send("4b")
	w.wants("4b")
	p.server.Late(sid, 0)
	w.wants("2")
	p.server.Late(sid, 30*time.Millisecond)
	w.wantsClose(1000)
	p.session(sid).wantsEnd(t, engineio.PingTimeout)
}

func TestATimerThatWasMovedDoesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, engineio.Options{})
	w, sid := p.connect()
	p.server.Late(sid, -time.Hour)
	w.send("4a")
	w.wants("4a")
}

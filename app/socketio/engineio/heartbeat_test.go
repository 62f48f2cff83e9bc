package engineio_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

// Timeouts of pongs are long enough for a busy machine.
var (
	shortInterval = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: testTimeout}
	shortTimeout  = engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 1500 * time.Millisecond}
)

func TestHeartbeatWhilePolling(t *testing.T) {
	t.Parallel()
	ts := startServer(t, shortInterval)
	begin := time.Now()
	sid := ts.open()
	for i := range 3 {
		ts.get(sid).want(t, 200, "2")
		if took := time.Since(begin); took < time.Duration(i+1)*300*time.Millisecond {
			t.Errorf("ping %d came after %v", i, took)
		}
		ts.post(sid, "3").want(t, 200, "ok")
	}
}

func TestHeartbeatOnWebSocket(t *testing.T) {
	t.Parallel()
	ts := startServer(t, shortInterval)
	w, _ := ts.connect()
	for range 3 {
		w.wantPacket("2")
		w.send("3")
	}
}

func TestPingTimeout(t *testing.T) {
	t.Parallel()
	ts := startServer(t, shortTimeout)
	t.Run("polling, before the timer fires", func(t *testing.T) {
		ts := startServer(t, engineio.Options{}, (*engineio.Server).FreezeClock)
		for _, ask := range []func(sid string) response{ts.get, func(sid string) response { return ts.post(sid, "3") }} {
			sid := ts.open()
			ts.server.ExpirePong(sid)
			ask(sid).wantRefusal(t, 400, 1, "Session ID unknown")
			ts.session(sid).wantClosed(t, engineio.PingTimeout)
		}
	})
	t.Run("polling, with a waiting poll", func(t *testing.T) {
		t.Parallel()
		ts := startServer(t, engineio.Options{})
		sid := ts.open()
		poll := ts.startPoll(sid)
		ts.server.FireTimerLate(sid, 0)
		receive(t, poll).want(t, 200, "2")
		poll = ts.startPoll(sid) // a poll is not a pong
		ts.server.FireTimerLate(sid, 0)
		receive(t, poll).want(t, 200, "1")
		ts.session(sid).wantClosed(t, engineio.PingTimeout)
	})
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		begin := time.Now()
		w, sid := ts.connect()
		w.wantPacket("2")
		w.wantClose(1000)
		if took := time.Since(begin); took < 1800*time.Millisecond {
			t.Errorf("closed after %v", took)
		}
		ts.session(sid).wantClosed(t, engineio.PingTimeout)
	})
	t.Run("polling, without a poll", func(t *testing.T) {
		t.Parallel()
		sid := ts.open()
		ts.session(sid).wantClosed(t, engineio.PingTimeout)
		if ts.server.HasSession(sid) {
			t.Error("the session has not been removed")
		}
	})
}

// Without a poll, the time for the pong starts when the ping was due. With one, it
// starts when the ping is sent.
func TestLatePingDoesNotExtendPongDeadlineWithoutPoll(t *testing.T) {
	t.Parallel()
	const timeout, early = 200 * time.Millisecond, 50 * time.Millisecond
	ts := startServer(t, engineio.Options{PingInterval: time.Hour, PingTimeout: timeout}, (*engineio.Server).FreezeClock)
	sid := ts.open()
	ts.server.SetDeadlinePast(sid, timeout) // the timer has not even sent the ping
	ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	ts.session(sid).wantClosed(t, engineio.PingTimeout)

	sid = ts.open()
	due := ts.server.SetDeadlinePast(sid, timeout-early)
	ts.server.FireTimer(sid)
	if got := ts.server.Deadline(sid); got != due+int64(timeout) {
		t.Errorf("without a poll the pong is due %v after the ping was, want %v", time.Duration(got-due), timeout)
	}

	sid = ts.open()
	poll := ts.startPoll(sid)
	due = ts.server.SetDeadlinePast(sid, timeout-early)
	ts.server.FireTimer(sid)
	receive(t, poll).want(t, 200, "2")
	if got := ts.server.Deadline(sid); got != due+int64(timeout-early)+int64(timeout) {
		t.Errorf("with a poll the pong is due %v after the ping was, want %v from now", time.Duration(got-due), timeout)
	}
}

func TestReceivedPacketsExtendPongDeadline(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	w, sid := ts.connect()
	ts.server.FireTimerLate(sid, 0)
	w.wantPacket("2")
	w.send("4busy")
	w.wantPacket("4busy")
	ts.server.FireTimerLate(sid, time.Millisecond) // the pong is late
	w.send("3")
	w.send("4a")
	w.wantPacket("4a")
	ts.server.FireTimerLate(sid, 0)
	w.wantPacket("2") // the pong was received
	ts.server.FireTimerLate(sid, time.Millisecond)
	w.wantClose(1000)
}

func TestUnsolicitedPongDoesNotPostponePing(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	w, sid := ts.connect()
	due := ts.server.Deadline(sid)
	w.send("3")
	w.send("4a")
	w.wantPacket("4a")
	if got := ts.server.Deadline(sid); got != due {
		t.Errorf("the deadline moved from %d to %d", due, got)
	}
}

func TestPongDeadlineAfterProcessStall(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	w, sid := ts.connect()
	ts.server.FireTimerLate(sid, time.Minute) // the ping was sent late, so the pong may be late
	w.wantPacket("2")
	ts.server.FireTimerLate(sid, time.Minute) // nothing was read in between
	w.send("4a")
	w.wantPacket("4a")
	w.send("3")
	w.send("4b")
	w.wantPacket("4b")
	ts.server.FireTimerLate(sid, 0)
	w.wantPacket("2")
	ts.server.FireTimerLate(sid, 30*time.Millisecond)
	w.wantClose(1000)
	ts.session(sid).wantClosed(t, engineio.PingTimeout)
}

func TestStaleTimerDoesNothing(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	w, sid := ts.connect()
	ts.server.FireTimerLate(sid, -time.Hour)
	w.send("4a")
	w.wantPacket("4a")
}

func TestASessionWithoutPollsEnds(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{PollTimeout: 20 * time.Millisecond, PingInterval: 200 * time.Millisecond})
	polling := ts.open()
	ts.get(polling).want(t, http.StatusOK, "2") // a poll that waits for longer than the timeout
	never := ts.session(ts.open())
	w, _ := ts.connect()
	for _, session := range []*testReceiver{ts.session(polling), never} {
		session.wantClosed(t, engineio.PingTimeout)
	}
	w.wantPacket("2") // a WebSocket needs no polls
}

// lease counts its releases.
type lease struct{ released *atomic.Int32 }

func (l lease) Release() { l.released.Add(1) }

// busyError is an error with a status.
type busyError struct{}

func (busyError) Error() string          { return "try later" }
func (busyError) HTTPStatus() (int, int) { return http.StatusTooManyRequests, 7 }

func TestEachSessionHoldsALease(t *testing.T) {
	t.Parallel()
	var acquired, released atomic.Int32
	ts := startServer(t, engineio.Options{Acquire: func(string) (engineio.Lease, error) {
		if acquired.Add(1) > 2 {
			return nil, busyError{}
		}
		return lease{&released}, nil
	}})
	sid := ts.open()
	w, _ := ts.connect()
	a := ts.mustRequest("GET", pollingQuery, "")
	a.wantRefusal(t, http.StatusTooManyRequests, 6, "try later")
	if got := a.header.Get("Retry-After"); got != "7" {
		t.Errorf("Retry-After = %q, want 7", got)
	}
	if n := ts.server.Stats().Sessions; n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}
	refused, _, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := refused.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseTryAgainLater) {
		t.Errorf("a WebSocket without a lease: %v, want 1013", err)
	}
	ts.upgrade(sid).send("1")
	w.send("1")
	ts.waitUntil("both leases are released", func() bool { return released.Load() == 2 })
}

package engineio_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio/engineio"
)

func TestUpgrade(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	w := ts.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	ts.get(sid).want(t, 200, "6") // "a noop packet to any pending GET"
	w.send("5")
	w.send("4hello")
	w.wantPacket("4hello")
	if got := ts.session(sid).Transport(); got != "websocket" {
		t.Errorf("Transport() = %q", got)
	}
	ts.get(sid).wantRefusal(t, 400, 3, "Bad request")
	ts.post(sid, "4a").wantRefusal(t, 400, 3, "Bad request")
	w.send("4still here")
	w.wantPacket("4still here")
	if n := ts.server.Stats().Upgraded; n != 1 {
		t.Errorf("Stats().Upgraded = %d, want 1", n)
	}
}

func TestUpgradedHook(t *testing.T) {
	t.Parallel()
	moved := make(chan *engineio.Session, 10)
	ts := startServer(t, engineio.Options{Upgraded: func(s *engineio.Session) { moved <- s }})
	ts.dial("").send("4opened on WebSocket")
	stays, goes := ts.open(), ts.open()
	w := ts.dial(goes)
	w.send("2probe")
	w.wantPacket("3probe")
	ts.get(goes).want(t, 200, "6")
	w.send("5")
	s := receive(t, moved)
	if s.ID() != goes || s.Transport() != "websocket" || s.Receiver() != engineio.Receiver(ts.session(goes)) {
		t.Errorf("Upgraded called for %s on %s, want %s", s.ID(), s.Transport(), goes)
	}
	w.send("4a")
	w.wantPacket("4a")
	ts.post(stays, "4a").want(t, 200, "ok")
	if len(moved) > 0 {
		t.Error("Upgraded called again")
	}
}

func TestProbeEndsWaitingPoll(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	poll := ts.startPoll(sid)
	w := ts.dial(sid)
	w.send("2probe")
	receive(t, poll).want(t, 200, "6")
	w.wantPacket("3probe")
	w.send("5")
	w.send("4hello")
	w.wantPacket("4hello")
}

func TestPollAfterUpgradeIsRefused(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for range 20 { // in either order of arrival
		sid := ts.open()
		w := ts.dial(sid)
		w.send("2probe")
		w.wantPacket("3probe")
		w.send("5")
		ts.get(sid).wantRefusal(t, 400, 3, "Bad request")
		w.send("4hello")
		w.wantPacket("4hello")
	}
}

func TestSecondWebSocketIsClosed(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	w := ts.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	ts.dial(sid).wantClose(1000) // one probe at a time
	w.send("5")
	w.send("4a")
	w.wantPacket("4a")
	ts.dial(sid).wantClose(1000) // none after the upgrade
	w.send("4b")
	w.wantPacket("4b")
	direct, sid := ts.connect()
	ts.dial(sid).wantClose(1000)
	direct.send("4c")
	direct.wantPacket("4c")
}

func TestFailedProbe(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for name, fail := range map[string]func(sid string, w *wsClient){
		"sends a message":            func(_ string, w *wsClient) { w.send("4hello") },
		"sends an invalid packet":    func(_ string, w *wsClient) { w.send("x") },
		"sends a ping without probe": func(_ string, w *wsClient) { w.send("2") },
		"does not complete the upgrade": func(sid string, w *wsClient) {
			w.send("2probe")
			w.wantPacket("3probe")
			ts.server.ProbeTimeoutFunc(sid)()
		},
	} {
		t.Run(name, func(t *testing.T) {
			sid := ts.open()
			w := ts.dial(sid)
			fail(sid, w)
			w.wantClose(1000)
			ts.post(sid, "4still polling").want(t, 200, "ok")
			ts.get(sid).want(t, 200, "4still polling")
			ts.upgrade(sid) // a second attempt succeeds
		})
	}
	t.Run("sends nothing", func(t *testing.T) {
		ts := startServer(t, engineio.Options{UpgradeTimeout: 50 * time.Millisecond})
		sid := ts.open()
		ts.dial(sid).wantClose(1000)
		ts.post(sid, "4still polling").want(t, 200, "ok")
		ts.get(sid).want(t, 200, "4still polling")
	})
	t.Run("disconnects", func(t *testing.T) {
		sid := ts.open()
		w := ts.dial(sid)
		w.send("2probe")
		w.wantPacket("3probe")
		_ = w.NetConn().Close()
		ts.post(sid, "4a").want(t, 200, "ok")
		ts.get(sid).want(t, 200, "4a")
		ts.waitUntil("another probe is accepted", func() bool {
			w := ts.dial(sid)
			_ = w.SetWriteDeadline(time.Now().Add(testTimeout))
			w.send("2probe")
			_, data, err := w.ReadMessage()
			return err == nil && string(data) == "3probe"
		})
	})
}

func TestProbeTimeoutAfterUpgradeDoesNothing(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	w := ts.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	timeout := ts.server.ProbeTimeoutFunc(sid)
	w.send("5")
	ts.waitUntil("the session is on the WebSocket", func() bool { return ts.session(sid).Transport() == "websocket" })
	timeout() // as if the timer had just fired
	w.send("4a")
	w.wantPacket("4a")
}

func TestProbeIsClosedWithItsSession(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	w := ts.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	ts.post(sid, "1").want(t, 200, "ok")
	w.wantClose(1000)
	ts.session(sid).wantClosed(t, engineio.TransportClose)
}

func TestCloseDuringUpgrade(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	w := ts.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	s := ts.session(sid)
	_ = s.Send(engineio.NewText([]byte("last")))
	s.Close(engineio.ForcedClose)
	w.send("5")
	w.wantPacket("4last")
	w.wantClose(1000)
	s.wantClosed(t, engineio.ForcedClose)
}

func TestUpgradeLosesNoMessage(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{Open: nil})
	for round := range 10 {
		sid := ts.open()
		s := ts.session(sid)
		s.silent.Store(true)
		stop, sent := make(chan struct{}), make(chan int, 1)
		go func() {
			tick := time.NewTicker(50 * time.Microsecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				_ = s.Send(engineio.NewText(fmt.Appendf(nil, "%d", i)))
				select {
				case <-tick.C:
				case <-stop:
					sent <- i + 1
					return
				}
			}
		}()
		var down []string
		for range round % 4 {
			down = append(down, texts(ts.get(sid).body)...)
		}
		ts.post(sid, "4up0\x1e4up1").want(t, 200, "ok")
		w := ts.dial(sid)
		poll := ts.requestAsync("GET", sid, "")
		w.send("2probe")
		w.wantPacket("3probe")
		down = append(down, texts(receive(t, poll).body)...)
		w.send("5")
		w.send("4up2")
		w.send("4up3")
		for range 100 {
			down = append(down, texts(w.read())...)
		}
		close(stop)
		n := receive(t, sent)
		for len(down) < n {
			down = append(down, texts(w.read())...)
		}
		for i, text := range down {
			if text != fmt.Sprint(i) {
				t.Fatalf("round %d: message %d is %q", round, i, text)
			}
		}
		for i := range 4 {
			if got := receive(t, s.messages); got != fmt.Sprintf("up%d", i) {
				t.Fatalf("received %q, want up%d", got, i)
			}
		}
	}
}

// texts returns the texts of the messages in a payload.
func texts(payload string) []string {
	var all []string
	for packet := range strings.SplitSeq(payload, "\x1e") {
		if text, is := strings.CutPrefix(packet, "4"); is {
			all = append(all, text)
		}
	}
	return all
}

func TestUpgradeKeepsMessageOrder(t *testing.T) {
	t.Parallel()
	h := &blockingReceiver{make(chan struct{}), make(chan engineio.Reason, 1)}
	order := make(chan string, 10)
	ts := startServer(t, engineio.Options{Open: func(*engineio.Session) engineio.Receiver { return &recordingReceiver{h, order} }})
	sid := ts.open()
	post := ts.requestAsync("POST", sid, "4posted")
	ts.waitUntil("the POST is being handled", func() bool { return ts.server.PostActive(sid) })
	w := ts.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	w.send("5")
	w.send("4framed")
	ts.waitUntil("the session is upgraded", func() bool { return ts.server.Stats().Upgraded == 1 })
	close(h.release)
	if a, b := receive(t, order), receive(t, order); a != "posted" || b != "framed" {
		t.Errorf("received %q, then %q", a, b)
	}
	receive(t, post)
}

// recordingReceiver records each message after it was handled.
type recordingReceiver struct {
	*blockingReceiver
	order chan string
}

func (o *recordingReceiver) Message(data []byte, binary bool) {
	o.blockingReceiver.Message(data, binary)
	o.order <- string(data)
}

func TestWaitingPollIsRefusedByUpgrade(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	refused := 0
	for attempt := 0; refused < 3 && attempt < 100; attempt++ {
		sid := ts.open()
		w := ts.dial(sid)
		w.send("2probe")
		w.wantPacket("3probe")
		poll := ts.requestAsync("GET", sid, "")
		ts.waitUntil("the poll is waiting or answered", func() bool { return ts.server.PollPending(sid) || len(poll) > 0 })
		w.send("5")
		switch a := receive(t, poll); {
		case a.status == 400:
			refused++
		case a.body != "6": // its timeout came first
			t.Fatalf("response %d %q", a.status, a.body)
		}
		w.send("4hello")
		w.wantPacket("4hello")
	}
	if refused == 0 {
		t.Error("no poll was refused")
	}
}

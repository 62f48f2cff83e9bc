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
	p := startServer(t, engineio.Options{})
	sid := p.open()
	w := p.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	p.get(sid).want(t, 200, "6") // "a noop packet to any pending GET"
	w.send("5")
	w.send("4hello")
	w.wantPacket("4hello")
	if got := p.session(sid).Transport(); got != "websocket" {
		t.Errorf("Transport() = %q", got)
	}
	p.get(sid).wantRefusal(t, 400, 3, "Bad request")
	p.post(sid, "4a").wantRefusal(t, 400, 3, "Bad request")
	w.send("4still here")
	w.wantPacket("4still here")
	if n := p.server.Stats().Upgraded; n != 1 {
		t.Errorf("%d upgrades counted", n)
	}
}

// TestUpgradedIsTold: once, of each session that moves and of no other.
func TestUpgradedIsTold(t *testing.T) {
	t.Parallel()
	moved := make(chan *engineio.Session, 10)
	p := startServer(t, engineio.Options{Upgraded: func(s *engineio.Session) { moved <- s }})
	p.dial("").send("4never was on polling")
	stays, goes := p.open(), p.open()
	w := p.dial(goes)
	w.send("2probe")
	w.wantPacket("3probe")
	p.get(goes).want(t, 200, "6")
	w.send("5")
	s := receive(t, moved)
	if s.ID() != goes || s.Transport() != "websocket" || s.Receiver() != engineio.Receiver(p.session(goes)) {
		t.Errorf("told of %s on %s, want %s", s.ID(), s.Transport(), goes)
	}
	w.send("4a")
	w.wantPacket("4a")
	p.post(stays, "4a").want(t, 200, "ok")
	if len(moved) > 0 {
		t.Error("told of another one")
	}
}

func TestUpgradeEndsAPollThatWaits(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	poll := p.startPoll(sid)
	w := p.dial(sid)
	w.send("2probe")
	receive(t, poll).want(t, 200, "6")
	w.wantPacket("3probe")
	w.send("5")
	w.send("4hello")
	w.wantPacket("4hello")
}

func TestAPollBehindTheUpgradeIsRefused(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for range 20 { // whichever arrives first
		sid := p.open()
		w := p.dial(sid)
		w.send("2probe")
		w.wantPacket("3probe")
		w.send("5")
		p.get(sid).wantRefusal(t, 400, 3, "Bad request")
		w.send("4hello")
		w.wantPacket("4hello")
	}
}

func TestSecondWebSocketIsClosed(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	w := p.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	p.dial(sid).wantClose(1000) // one proves itself at a time
	w.send("5")
	w.send("4a")
	w.wantPacket("4a")
	p.dial(sid).wantClose(1000) // and after that there is none
	w.send("4b")
	w.wantPacket("4b")
	direct, sid := p.connect()
	p.dial(sid).wantClose(1000)
	direct.send("4c")
	direct.wantPacket("4c")
}

func TestProbeThatFails(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for name, fail := range map[string]func(sid string, w *wsClient){
		"says something else": func(_ string, w *wsClient) { w.send("4hello") },
		"sends no packet":     func(_ string, w *wsClient) { w.send("x") },
		"pings without probe": func(_ string, w *wsClient) { w.send("2") },
		"does not finish": func(sid string, w *wsClient) {
			w.send("2probe")
			w.wantPacket("3probe")
			p.server.ProbeTimeoutFunc(sid)()
		},
	} {
		t.Run(name, func(t *testing.T) {
			sid := p.open()
			w := p.dial(sid)
			fail(sid, w)
			w.wantClose(1000)
			p.post(sid, "4on it goes").want(t, 200, "ok")
			p.get(sid).want(t, 200, "4on it goes")
			p.upgrade(sid) // another try is welcome
		})
	}
	t.Run("says nothing", func(t *testing.T) {
		p := startServer(t, engineio.Options{UpgradeTimeout: 50 * time.Millisecond})
		sid := p.open()
		p.dial(sid).wantClose(1000)
		p.post(sid, "4on it goes").want(t, 200, "ok")
		p.get(sid).want(t, 200, "4on it goes")
	})
	t.Run("goes away", func(t *testing.T) {
		sid := p.open()
		w := p.dial(sid)
		w.send("2probe")
		w.wantPacket("3probe")
		_ = w.NetConn().Close()
		p.post(sid, "4a").want(t, 200, "ok")
		p.get(sid).want(t, 200, "4a")
		p.waitUntil("there may be another", func() bool {
			w := p.dial(sid)
			_ = w.SetWriteDeadline(time.Now().Add(testTimeout))
			w.send("2probe")
			_, data, err := w.ReadMessage()
			return err == nil && string(data) == "3probe"
		})
	})
}

func TestAMovedSessionOutlivesTheProbesTime(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	w := p.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	over := p.server.ProbeTimeoutFunc(sid)
	w.send("5")
	p.waitUntil("the session is on the WebSocket", func() bool { return p.session(sid).Transport() == "websocket" })
	over() // as if it had been about to be called
	w.send("4a")
	w.wantPacket("4a")
}

func TestProbeOfASessionThatEnds(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	w := p.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	p.post(sid, "1").want(t, 200, "ok")
	w.wantClose(1000)
	p.session(sid).wantClosed(t, engineio.TransportClose)
}

func TestSessionClosedDuringTheUpgrade(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	w := p.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	s := p.session(sid)
	_ = s.Send(engineio.NewText([]byte("last")))
	s.Close(engineio.ForcedClose)
	w.send("5")
	w.wantPacket("4last")
	w.wantClose(1000)
	s.wantClosed(t, engineio.ForcedClose)
}

// Whatever is sent while the client moves arrives once, in order, in both
// directions.
func TestNothingIsLostByTheUpgrade(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{Open: nil})
	for round := range 10 {
		sid := p.open()
		s := p.session(sid)
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
			down = append(down, texts(p.get(sid).body)...)
		}
		p.post(sid, "4up0\x1e4up1").want(t, 200, "ok")
		w := p.dial(sid)
		poll := p.requestAsync("GET", sid, "")
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

// texts are the texts of the messages in a payload.
func texts(payload string) []string {
	var all []string
	for packet := range strings.SplitSeq(payload, "\x1e") {
		if text, is := strings.CutPrefix(packet, "4"); is {
			all = append(all, text)
		}
	}
	return all
}

func TestMessagesWaitTheirTurnAcrossTheUpgrade(t *testing.T) {
	t.Parallel()
	h := &blockingReceiver{make(chan struct{}), make(chan engineio.Reason, 1)}
	order := make(chan string, 10)
	p := startServer(t, engineio.Options{Open: func(*engineio.Session) engineio.Receiver { return &recordingReceiver{h, order} }})
	sid := p.open()
	post := p.requestAsync("POST", sid, "4posted")
	p.waitUntil("the POST is at work", func() bool { return p.server.PostActive(sid) })
	w := p.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	w.send("5")
	w.send("4framed")
	p.waitUntil("it has moved", func() bool { return p.server.Stats().Upgraded == 1 })
	close(h.release)
	if a, b := receive(t, order), receive(t, order); a != "posted" || b != "framed" {
		t.Errorf("received %q, then %q", a, b)
	}
	receive(t, post)
}

// ordered notes each message when it has done with it.
type recordingReceiver struct {
	*blockingReceiver
	order chan string
}

func (o *recordingReceiver) Message(data []byte, binary bool) {
	o.blockingReceiver.Message(data, binary)
	o.order <- string(data)
}

func TestAPollThatWaitsWhenTheUpgradeEndsIsRefused(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	refused := 0
	for attempt := 0; refused < 3 && attempt < 100; attempt++ {
		sid := p.open()
		w := p.dial(sid)
		w.send("2probe")
		w.wantPacket("3probe")
		poll := p.requestAsync("GET", sid, "")
		p.waitUntil("it waits, or is answered", func() bool { return p.server.PollPending(sid) || len(poll) > 0 })
		w.send("5")
		switch a := receive(t, poll); {
		case a.status == 400:
			refused++
		case a.body != "6": // its time was over first
			t.Fatalf("answered %d %q", a.status, a.body)
		}
		w.send("4hello")
		w.wantPacket("4hello")
	}
	if refused == 0 {
		t.Error("every poll was answered")
	}
}

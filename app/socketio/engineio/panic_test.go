package engineio_test

import (
	"fmt"
	"runtime"
	"testing"

	"smart-factory-backend/app/socketio/engineio"
)

// faulty panics, or ends its goroutine, as it is told.
type panickingReceiver struct {
	ended    chan engineio.Reason
	atClosed bool
}

func (f *panickingReceiver) Message(data []byte, _ bool) {
	switch string(data) {
	case "panic":
		panic("in Message")
	case "goexit":
		runtime.Goexit()
	}
}

func (f *panickingReceiver) Closed(reason engineio.Reason) {
	if f.atClosed {
		panic("in Closed")
	}
	f.ended <- reason
}

func TestPanicEndsItsSessionAlone(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"panic", "goexit"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			ended := make(chan engineio.Reason, 10)
			p := startServer(t, engineio.Options{Open: func(*engineio.Session) engineio.Receiver { return &panickingReceiver{ended: ended} }})
			bystander, polling := p.open(), p.open()
			poll := p.startPoll(polling)
			a, err := p.request("POST", pollingQuery+"&sid="+polling, "4"+way+"\x1e4not")
			if err == nil && a.status != 500 {
				t.Errorf("the POST was answered %d %q", a.status, a.body)
			}
			receive(t, poll).want(t, 200, "1")
			p.get(polling).wantRefusal(t, 400, 1, "Session ID unknown")
			if got := receive(t, ended); got != engineio.TransportError {
				t.Errorf("ended for %q", got)
			}
			w := p.dial("")
			sid := sidOf(t, w.read())
			w.send("4" + way)
			w.wantClose(1011)
			if got := receive(t, ended); got != engineio.TransportError {
				t.Errorf("ended for %q", got)
			}
			if p.server.HasSession(sid) {
				t.Error("the session is still known")
			}
			p.post(bystander, "4hello").want(t, 200, "ok")
			receive(t, p.panics)
			receive(t, p.panics)
		})
	}
}

func TestPanicInClosed(t *testing.T) {
	t.Parallel()
	said := make(chan string, 1)
	p := startServer(t, engineio.Options{
		Open:     func(*engineio.Session) engineio.Receiver { return &panickingReceiver{atClosed: true} },
		Panicked: func(v any, stack []byte) { said <- fmt.Sprint(v, " ", len(stack) > 0) },
	})
	sid := p.open()
	p.post(sid, "1").want(t, 200, "ok")
	if got := receive(t, said); got != "in Closed true" {
		t.Errorf("told of %q", got)
	}
}

func TestPanicInOpen(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{Open: func(*engineio.Session) engineio.Receiver { panic("in Open") }})
	a, err := p.request("GET", pollingQuery, "")
	if err == nil && a.status != 500 {
		t.Errorf("the handshake was answered %d %q", a.status, a.body)
	}
	w := p.dial("")
	sidOf(t, w.read())
	w.wantClose(1011)
	p.waitUntil("no session is left", func() bool { return p.server.Stats().Sessions == 0 })
}

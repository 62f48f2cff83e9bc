package engineio_test

import (
	"fmt"
	"runtime"
	"testing"

	"smart-factory-backend/app/socketio/engineio"
)

// panickingReceiver panics or ends its goroutine on request.
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

func TestPanicClosesOnlyItsSession(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"panic", "goexit"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			ended := make(chan engineio.Reason, 10)
			ts := startServer(t, engineio.Options{Open: func(*engineio.Session) engineio.Receiver { return &panickingReceiver{ended: ended} }})
			bystander, polling := ts.open(), ts.open()
			poll := ts.startPoll(polling)
			a, err := ts.request("POST", pollingQuery+"&sid="+polling, "4"+way+"\x1e4not")
			if err == nil && a.status != 500 {
				t.Errorf("the POST was answered %d %q", a.status, a.body)
			}
			receive(t, poll).want(t, 200, "1")
			ts.get(polling).wantRefusal(t, 400, 1, "Session ID unknown")
			if got := receive(t, ended); got != engineio.TransportError {
				t.Errorf("Closed(%q)", got)
			}
			w := ts.dial("")
			sid := sidOf(t, w.read())
			w.send("4" + way)
			w.wantClose(1011)
			if got := receive(t, ended); got != engineio.TransportError {
				t.Errorf("Closed(%q)", got)
			}
			if ts.server.HasSession(sid) {
				t.Error("the session has not been removed")
			}
			ts.post(bystander, "4hello").want(t, 200, "ok")
			receive(t, ts.panics)
			receive(t, ts.panics)
		})
	}
}

func TestPanicInClosed(t *testing.T) {
	t.Parallel()
	said := make(chan string, 1)
	ts := startServer(t, engineio.Options{
		Open:     func(*engineio.Session) engineio.Receiver { return &panickingReceiver{atClosed: true} },
		Panicked: func(v any, stack []byte) { said <- fmt.Sprint(v, " ", len(stack) > 0) },
	})
	sid := ts.open()
	ts.post(sid, "1").want(t, 200, "ok")
	if got := receive(t, said); got != "in Closed true" {
		t.Errorf("Panicked(%q)", got)
	}
}

func TestPanicInOpen(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{Open: func(*engineio.Session) engineio.Receiver { panic("in Open") }})
	a, err := ts.request("GET", pollingQuery, "")
	if err == nil && a.status != 500 {
		t.Errorf("the handshake was answered %d %q", a.status, a.body)
	}
	w := ts.dial("")
	sidOf(t, w.read())
	w.wantClose(1011)
	ts.waitUntil("the session is removed", func() bool { return ts.server.Stats().Sessions == 0 })
}

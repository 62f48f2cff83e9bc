package websocket_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/websocket"
)

// The server reads until the client's close frame and then closes.
func TestCloseByServer(t *testing.T) {
	t.Parallel()
	conns, ends := make(chan *websocket.Conn, 2), make(chan closeCall, 2)
	s := startServer(t, &websocket.Upgrader{}, func(c *websocket.Conn) websocket.Handler {
		conns <- c
		return &echoHandler{c, ends}
	})
	p := dial(t, s.addr)
	c := <-conns
	_ = c.Send(websocket.NewMessage(websocket.Text, []byte("last")))
	c.Close(4000, "enough")
	c.Close(4001, "not again")
	if err := c.Send(websocket.NewMessage(websocket.Text, []byte("late"))); err == nil {
		t.Error("Send after Close = nil, want an error")
	}
	p.wantFrame(0x81, "last")
	p.wantFrame(0x88, "\x0f\xa0enough")
	p.send(clientFrame(0x81, []byte("in flight")), clientCloseFrame(4000, ""))
	if _, _, err := p.readFrame(); !errors.Is(err, io.EOF) {
		t.Errorf("after both close frames came %v, want the end", err)
	}
	if end := <-ends; end.code != 4000 {
		t.Errorf("Closed(%d, %v), want 4000", end.code, end.err)
	}
}

func TestClosedArguments(t *testing.T) {
	t.Parallel()
	ends := make(chan closeCall, 1)
	s := startServer(t, &websocket.Upgrader{}, newEcho(ends))
	p := dial(t, s.addr)
	p.send(clientFrame(0x81, []byte("a")))
	p.wantFrame(0x81, "a")
	_ = p.Close()
	if end := <-ends; end.code != websocket.Abnormal || end.err == nil {
		t.Errorf("after a lost connection: Closed(%d, %v), want 1006 and an error", end.code, end.err)
	}
	p = dial(t, s.addr)
	p.send(clientCloseFrame(3001, "done"))
	p.wantClose(3001)
	if end := <-ends; end.code != 3001 || !strings.Contains(end.err.Error(), "done") {
		t.Errorf("after the peer's close: Closed(%d, %v), want 3001 with its reason", end.code, end.err)
	}
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	var peers []*testClient
	for range 20 {
		peers = append(peers, dial(t, s.addr))
	}
	s.cancel()
	for _, p := range peers {
		f, payload, err := p.readFrame()
		if err != nil || f != 0x88 || closeCode(payload) != websocket.GoingAway {
			t.Fatalf("at shutdown came %#x %q, %v; want close 1001", f, payload, err)
		}
		p.send(clientCloseFrame(1001, ""))
	}
	begin := time.Now()
	s.ended.Wait()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
}

func TestPeerHalfClose(t *testing.T) {
	t.Parallel()
	ends := make(chan closeCall, 1)
	s := startServer(t, &websocket.Upgrader{}, newEcho(ends))
	p := dial(t, s.addr)
	_ = p.Conn.(*net.TCPConn).CloseWrite()
	if end := <-ends; end.code != websocket.Abnormal || !errors.Is(end.err, io.EOF) {
		t.Errorf("Closed(%d, %v), want 1006, EOF", end.code, end.err)
	}
}

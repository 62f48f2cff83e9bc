package eventloop_test

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"smart-factory-backend/app/websocket/eventloop"
)

// Everything is read once and in order, by one goroutine at a time, including what
// arrived before Add.
func TestReadsInOrder(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	var inside atomic.Int32
	got := make(chan []byte, 1000)
	h := newHandler(func(c *eventloop.Conn) {
		if inside.Add(1) != 1 {
			t.Error("two goroutines serve one connection")
		}
		if all := readAll(c); len(all) > 0 {
			got <- all
		}
		inside.Add(-1)
	})
	_, _ = peer.WriteString("early ")
	addConn(t, l, s, h, 1000)
	want := "early "
	for range 500 {
		_, _ = peer.WriteString("more ")
		want += "more "
	}
	var all []byte
	for len(all) < len(want) {
		all = append(all, receive(t, "bytes", got)...)
	}
	if string(all) != want {
		t.Errorf("served %q", all)
	}
	_ = peer.Close()
	if err := receive(t, "the end", h.closed); !errors.Is(err, io.EOF) {
		t.Errorf("Closed(%v), want EOF", err)
	}
	receive(t, "the socket's end", s.closed)
}

// readAheadTransport is a transport that has read ahead.
type readAheadTransport struct {
	*socket
	ahead []byte
}

func (e *readAheadTransport) Layered() bool { return len(e.ahead) > 0 }

func (e *readAheadTransport) TryRead(p []byte) (int, error) {
	if len(e.ahead) == 0 {
		return e.socket.TryRead(p)
	}
	n := copy(p, e.ahead)
	e.ahead = e.ahead[n:]
	return n, nil
}

// After bytes that the transport has read ahead, the socket must be read as well:
// its event may have come before the connection was served.
func TestReadsSocketAfterReadAhead(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	got := make(chan string, 10)
	h := newHandler(func(c *eventloop.Conn) { got <- string(readAll(c)) })
	_, _ = peer.WriteString("behind it")
	if err := l.Add(&eventloop.Conn{}, &readAheadTransport{s, []byte("ahead, ")}, h, 1000); err != nil {
		t.Fatal(err)
	}
	if first := receive(t, "the first call", got); first != "ahead, behind it" {
		t.Errorf("the first call reads %q, want everything", first)
	}
}

// What the blocked handler has sent is delivered, too.
func TestBlockedHandlerDelaysOnlyItsConnection(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	release := make(chan struct{})
	for range 8 { // on all shards
		s, peer := socketPair(t)
		addConn(t, l, s, newHandler(func(c *eventloop.Conn) {
			readAll(c)
			_ = c.Send(0, []byte("wait"))
			<-release
		}), 1000)
		_, _ = peer.WriteString("x")
		wantRead(t, peer, "wait")
	}
	defer close(release)
	s, peer := socketPair(t)
	addConn(t, l, s, newHandler(func(c *eventloop.Conn) { _ = c.Send(0, readAll(c)) }), 1000)
	_, _ = peer.WriteString("echo")
	wantRead(t, peer, "echo")
}

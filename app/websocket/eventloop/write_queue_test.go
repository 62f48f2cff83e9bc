package eventloop_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

// What a handler sends leaves in one write, unless the handler runs for longer than
// CorkDelay.
func TestHandlerSendsAreJoined(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	took := make(chan time.Duration, 1)
	addConn(t, l, s, newHandler(func(c *eventloop.Conn) {
		if len(readAll(c)) == 0 {
			return
		}
		begin := time.Now()
		for range 100 {
			_ = c.Send(0, []byte("abc"))
		}
		took <- time.Since(begin)
	}), 1000)
	buf := make([]byte, 1000)
	for inTime := false; !inTime; { // on a busy machine the handler may be preempted
		_, _ = peer.WriteString("x")
		first, err := peer.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(peer, buf[first:300]); err != nil {
			t.Fatal(err)
		}
		inTime = receive(t, "the handler", took) < eventloop.CorkDelay
		if inTime && first != 300 {
			t.Errorf("the first read gets %d bytes, want all 300", first)
		}
	}
}

// Nothing is replaced while little is queued.
func TestReplaceAbove(t *testing.T) {
	t.Parallel()
	l, err := eventloop.New(eventloop.Options{Shards: 1, ReplaceAbove: 1000})
	if err != nil {
		t.Fatal(err)
	}
	runLoop(t, l)
	s, peer := socketPair(t)
	send := func(c *eventloop.Conn) {
		for i := range 100 {
			_ = c.Send(7, fmt.Appendf(nil, "%03d", i))
		}
	}
	c := addConn(t, l, s, newHandler(func(c *eventloop.Conn) {
		if len(readAll(c)) > 0 {
			send(c)
		}
	}), 1<<20)
	_, _ = peer.WriteString("x")
	want := ""
	for i := range 100 {
		want += fmt.Sprintf("%03d", i)
	}
	wantRead(t, peer, want)
	if n := l.Stats().Replaced; n != 0 {
		t.Errorf("%d replaced although little is queued", n)
	}
	_ = c.Send(0, make([]byte, 1<<20)) // more than the socket buffer takes
	send(c)
	if n := l.Stats().Replaced; n != 99 {
		t.Errorf("%d replaced in a blocked queue, want 99", n)
	}
}

// Data of each SendAll stays together, and each sender's in order, through a socket
// that is full most of the time.
func TestConcurrentSenders(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	h := newHandler(nil)
	c := addConn(t, l, s, h, 100<<20)
	const senders, pieces, size = 8, 500, 3000
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for n := range pieces {
				piece := bytes.Repeat([]byte{byte(i)}, size)
				piece[1], piece[2] = byte(n>>8), byte(n)
				if err := c.SendAll(piece[:size/2], piece[size/2:]); err != nil {
					t.Errorf("SendAll() = %v", err)
				}
			}
		})
	}
	next := make([]int, senders)
	piece := make([]byte, size)
	for range senders * pieces {
		if _, err := io.ReadFull(peer, piece); err != nil {
			t.Fatal(err)
		}
		i, n := piece[0], int(piece[1])<<8|int(piece[2])
		if n != next[i] || bytes.Count(piece[3:], []byte{i}) != size-3 {
			t.Fatalf("piece %d of sender %d, want %d, in one piece", n, i, next[i])
		}
		next[i]++
	}
	wg.Wait()
	for deadline := time.Now().Add(testTimeout); c.Queued() != 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes queued although all were read", c.Queued())
		}
	}
}

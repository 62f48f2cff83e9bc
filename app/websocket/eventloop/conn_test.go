package eventloop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

// TestServesWhatArrives: everything is read once and in order, by one
// goroutine at a time, also what came before the connection was added.
func TestServesWhatArrives(t *testing.T) {
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

// early is a transport that has read ahead.
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

// TestReadsBehindWhatWasReadAhead: what a transport has read ahead says nothing
// of the socket, which is read as well: the kernel may have told of it before
// the connection was served, and does not tell again.
func TestReadsBehindWhatWasReadAhead(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	got := make(chan string, 10)
	h := newHandler(func(c *eventloop.Conn) { got <- string(readAll(c)) })
	_, _ = peer.WriteString("behind it")
	if err := l.Add(&eventloop.Conn{}, &readAheadTransport{s, []byte("ahead, ")}, h, 1000); err != nil {
		t.Fatal(err)
	}
	if first := receive(t, "the first look", got); first != "ahead, behind it" {
		t.Errorf("the first look finds %q, want all that was there", first)
	}
}

// TestBlockedHandlerHoldsUpItself: and nobody else, and what it has sent is
// not held up either.
func TestBlockedHandlerHoldsUpItself(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	release := make(chan struct{})
	for range 8 { // on every shard
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

// TestOneWrite: what a handler sends leaves together, unless it takes its time
// with it: then what it has sent by then does not wait for the rest.
func TestOneWrite(t *testing.T) {
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
	for inTime := false; !inTime; { // on a busy machine a handler may be stopped in between
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

// TestNothingIsReplacedForOneWhoIsNotBehind: what waits for a moment only, for
// the handler's end or for a processor, all arrives.
func TestNothingIsReplacedForOneWhoIsNotBehind(t *testing.T) {
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
		t.Errorf("%d are replaced although little waits", n)
	}
	_ = c.Send(0, make([]byte, 1<<20)) // more than the socket takes
	send(c)
	if n := l.Stats().Replaced; n != 99 {
		t.Errorf("%d are replaced behind what does not leave, want 99", n)
	}
}

// TestManySenders: pieces of many goroutines arrive whole, each sender's in
// order, through a socket that is full most of the time.
func TestManySenders(t *testing.T) {
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
			t.Fatalf("%d bytes wait although all have left", c.Queued())
		}
	}
}

// TestSlow: over the bound the queue is dropped but for what has begun to
// leave, and the last word follows it.
func TestSlow(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	h := newHandler(nil)
	h.slowData = []byte("too slow")
	c := addConn(t, l, s, h, 1<<20)
	piece := []byte(strings.Repeat("x", 99_999) + "|")
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = c.Send(0, piece)
	}
	if !errors.Is(err, eventloop.ErrSlowClient) || n < 10 || n > 30 {
		t.Fatalf("after %d pieces Send() = %v, want ErrSlow beyond a MiB and what the kernel takes", n, err)
	}
	if err := c.Send(0, piece); err == nil {
		t.Error("Send() after that = nil, want an error")
	}
	all, _ := io.ReadAll(peer)
	pieces, found := strings.CutSuffix(string(all), "too slow")
	if !found || strings.ReplaceAll(pieces, string(piece), "") != "" {
		t.Errorf("the peer reads %d bytes that are not whole pieces and the last word", len(all))
	}
	_ = peer.Close()
	if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrSlowClient) {
		t.Errorf("Closed(%v), want ErrSlow", err)
	}
}

// TestFailedHandler: a panic ends its connection alone, after its last words.
func TestFailedHandler(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic("as asked") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := startLoop(t)
			s, peer := socketPair(t)
			h := newHandler(func(c *eventloop.Conn) {
				if len(readAll(c)) > 0 {
					_ = c.Send(0, []byte("before "))
					fail()
				}
			})
			h.failed = func(c *eventloop.Conn) {
				_ = c.Send(0, []byte("sorry"))
				c.Finish(time.Second)
			}
			addConn(t, l, s, h, 1000)
			_, _ = peer.WriteString("x")
			wantRead(t, peer, "before sorry")
			wantEOF(t, peer)
			_ = peer.Close()
			_ = receive(t, "the end", h.closed)
			receive(t, "the report", s.panics)
		})
	}
}

// TestFailureWithoutWords: a handler whose Failed does nothing, or panics as
// well, loses its connection.
func TestFailureWithoutWords(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	for _, failed := range []func(*eventloop.Conn){nil, func(*eventloop.Conn) { panic("again") }} {
		s, peer := socketPair(t)
		h := newHandler(func(*eventloop.Conn) { panic("as asked") })
		h.failed = failed
		addConn(t, l, s, h, 1000)
		wantEOF(t, peer)
		if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrHandlerFailed) {
			t.Errorf("Closed(%v), want ErrFailed", err)
		}
	}
}

// TestFinish: what waits is sent, then our end; what arrives is thrown away
// until the peer's end or the grace is over.
func TestFinish(t *testing.T) {
	t.Parallel()
	for name, polite := range map[string]bool{"the peer ends": true, "the peer stays": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := startLoop(t)
			s, peer := socketPair(t)
			h := newHandler(nil)
			c := addConn(t, l, s, h, 1000)
			_ = c.Send(0, []byte("last"))
			grace := 50 * time.Millisecond
			if polite {
				grace = time.Hour
			}
			c.Finish(grace)
			c.Finish(time.Hour) // changes nothing
			if err := c.Send(0, []byte("late")); !errors.Is(err, eventloop.ErrClosed) {
				t.Errorf("Send() = %v, want ErrClosed", err)
			}
			wantRead(t, peer, "last")
			wantEOF(t, peer)
			_, _ = peer.WriteString("nobody reads this") // where the grace is over, there is nobody
			if polite {
				_ = peer.Close()
			}
			if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrClosed) {
				t.Errorf("Closed(%v), want ErrClosed", err)
			}
		})
	}
}

// TestAbort: ends at once, also while the handler is at work, and is told once.
func TestAbort(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	s, peer := socketPair(t)
	entered, release := make(chan struct{}), make(chan struct{})
	h := newHandler(func(c *eventloop.Conn) {
		if len(readAll(c)) > 0 {
			close(entered)
			<-release
		}
	})
	c := addConn(t, l, s, h, 1000)
	_, _ = peer.WriteString("x")
	receive(t, "the handler", entered)
	why := errors.New("why not")
	c.Abort(why)
	c.Abort(nil)
	wantEOF(t, peer) // although the handler has not returned
	select {
	case err := <-h.closed:
		t.Errorf("Closed(%v) while Readable runs", err)
	default:
	}
	close(release)
	if err := receive(t, "the end", h.closed); !errors.Is(err, why) {
		t.Errorf("Closed(%v), want %v", err, why)
	}
	if err := c.Send(0, nil); !errors.Is(err, why) {
		t.Errorf("Send() = %v, want %v", err, why)
	}
	if n := l.Stats().Conns; n != 0 {
		t.Errorf("the loop has %d connections, want none", n)
	}
}

// TestStop: Run closes what is left, and nothing can be added afterwards.
func TestStop(t *testing.T) {
	t.Parallel()
	l, stop := startLoop(t)
	var hs []*handler
	for range 20 {
		s, _ := socketPair(t)
		hs = append(hs, newHandler(nil))
		addConn(t, l, s, hs[len(hs)-1], 1000)
	}
	stop()
	for _, h := range hs {
		if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrStopped) {
			t.Errorf("Closed(%v), want ErrStopped", err)
		}
	}
	s, _ := socketPair(t)
	if err := l.Add(&eventloop.Conn{}, s, newHandler(nil), 1000); !errors.Is(err, eventloop.ErrStopped) {
		t.Errorf("Add() = %v, want ErrStopped", err)
	}
	_ = s.Close()
	if l.Go(func() { t.Error("it runs") }) {
		t.Error("Go() = true after the end")
	}
}

// TestStopBeforeStart: a loop whose context is over already ends at once.
func TestStopBeforeStart(t *testing.T) {
	t.Parallel()
	l, err := eventloop.New(eventloop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := socketPair(t)
	h := newHandler(nil)
	addConn(t, l, s, h, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Errorf("Run() = %v", err)
	}
	if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrStopped) {
		t.Errorf("Closed(%v), want ErrStopped", err)
	}
}

// TestChurn: connections that come and go from all sides at the same time
// leave nothing behind.
func TestChurn(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				s, peer := socketPair(t)
				h := newHandler(func(c *eventloop.Conn) { _ = c.Send(0, readAll(c)) })
				c := addConn(t, l, s, h, 1000)
				_, _ = peer.WriteString("x")
				switch (i + n) % 4 {
				case 0:
					wantRead(t, peer, "x")
					_ = peer.Close()
				case 1:
					_ = peer.Close()
				case 2:
					c.Abort(nil)
				case 3:
					c.Finish(time.Millisecond)
				}
				_ = receive(t, "the end", h.closed)
			}
		})
	}
	wg.Wait()
	if n := l.Stats().Conns; n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

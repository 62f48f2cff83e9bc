package eventloop_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

// A panic closes only its connection, after what Failed sends.
func TestFailedHandler(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic("test panic") }, "goexit": runtime.Goexit} {
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

func TestFailedHandlerWithoutFinish(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	for _, failed := range []func(*eventloop.Conn){nil, func(*eventloop.Conn) { panic("again") }} {
		s, peer := socketPair(t)
		h := newHandler(func(*eventloop.Conn) { panic("test panic") })
		h.failed = failed
		addConn(t, l, s, h, 1000)
		wantEOF(t, peer)
		if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrHandlerFailed) {
			t.Errorf("Closed(%v), want ErrHandlerFailed", err)
		}
	}
}

// Finish sends the queue and closes the sending side, then discards until the
// peer closes or the grace period ends.
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
			c.Finish(time.Hour) // has no effect
			if err := c.Send(0, []byte("late")); !errors.Is(err, eventloop.ErrClosed) {
				t.Errorf("Send() = %v, want ErrClosed", err)
			}
			wantRead(t, peer, "last")
			wantEOF(t, peer)
			_, _ = peer.WriteString("discarded") // fails if the grace period is over
			if polite {
				_ = peer.Close()
			}
			if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrClosed) {
				t.Errorf("Closed(%v), want ErrClosed", err)
			}
		})
	}
}

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
	wantEOF(t, peer) // while the handler still runs
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

func TestConcurrentAddAndClose(t *testing.T) {
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
		t.Errorf("%d connections left", n)
	}
}

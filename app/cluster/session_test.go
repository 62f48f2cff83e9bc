package cluster_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// detached has a client's connection handed over, in plain or over TLS.
func detachedSession(t *testing.T, r *testSupervisor, config *tls.Config, sessions <-chan *cluster.Session, early string) (*cluster.Session, net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, r.addr)
	if config != nil {
		c = tls.Client(c, config)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"+early)
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("response before the connection is handed over: %+v, %v", resp, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return within(t, "the session", sessions), c, br
}

func detachHandler() (fasthttp.RequestHandler, <-chan *cluster.Session) {
	sessions := make(chan *cluster.Session, 10)
	return func(ctx *fasthttp.RequestCtx) {
		ctx.SetBodyString("ok")
		cluster.Detach(ctx, func(s *cluster.Session) { sessions <- s })
	}, sessions
}

// untilRead reads n bytes from a session that has to be asked again and again.
func readSession(t *testing.T, s *cluster.Session, n int) string {
	t.Helper()
	var all []byte
	buf := make([]byte, 100)
	for deadline := time.Now().Add(patience); len(all) < n; {
		got, err := s.TryRead(buf)
		all = append(all, buf[:got]...)
		switch {
		case errors.Is(err, unix.EAGAIN) && time.Now().Before(deadline):
			runtime.Gosched()
		case err != nil:
			t.Fatalf("TryRead() = %v after %q", err, all)
		}
	}
	return string(all)
}

// TestDetach: a connection that was handed over is its owner's. It never
// blocks, what was sent early is there, no worker's end touches it, and it is
// counted until it is closed.
func TestDetachedSessionOutlivesItsWorker(t *testing.T) {
	t.Parallel()
	server, peer := tlsConfigs(t)
	for name, secured := range map[string]bool{"plain": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler, sessions := detachHandler()
			o := cluster.Options{Handler: handler, Workers: 1}
			var config *tls.Config
			if secured {
				o.TLS = server
				config = peer.Clone()
				config.ServerName = "127.0.0.1"
			}
			r := start(t, o)
			s, c, br := detachedSession(t, r, config, sessions, "early")
			if got := readSession(t, s, 5); got != "early" {
				t.Errorf("the first thing read is %q", got)
			}
			if n, err := s.TryRead(make([]byte, 10)); n != 0 || !errors.Is(err, unix.EAGAIN) {
				t.Errorf("TryRead() of nothing = %d, %v; want EAGAIN", n, err)
			}
			if _, err := r.Reload(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "later")
			if got := readSession(t, s, 5); got != "later" {
				t.Errorf("read %q after the worker's end", got)
			}
			if n, err := s.TryWrite([]byte("hello")); n != 5 || err != nil {
				t.Errorf("TryWrite() = %d, %v", n, err)
			}
			got := make([]byte, 5)
			if _, err := io.ReadFull(br, got); err != nil || string(got) != "hello" {
				t.Errorf("the client reads %q, %v", got, err)
			}
			if st := r.status(); st.Conns != 1 {
				t.Errorf("%d connections are counted, want 1", st.Conns)
			}
			_ = s.CloseWrite()
			if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("after CloseWrite the client reads %v, want the end", err)
			}
			_ = c.Close()
			for deadline := time.Now().Add(patience); ; runtime.Gosched() {
				_, err := s.TryRead(make([]byte, 10))
				if errors.Is(err, io.EOF) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("TryRead() after the client's end = %v, want EOF", err)
				}
			}
			_ = s.Close()
			if err := s.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("second Close() = %v", err)
			}
			eventually(t, "the connection counted out", func() bool { return r.status().Conns == 0 })
		})
	}
}

// TestDetachedIsFull: what does not fit is said, and nothing of it is lost.
func TestTryWriteReportsFullSendBuffer(t *testing.T) {
	t.Parallel()
	server, peer := tlsConfigs(t)
	for name, config := range map[string]*tls.Config{"plain": nil, "tls": peer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler, sessions := detachHandler()
			o := cluster.Options{Handler: handler}
			if config != nil {
				o.TLS = server
				config = config.Clone()
				config.ServerName = "127.0.0.1"
			}
			r := start(t, o)
			s, _, br := detachedSession(t, r, config, sessions, "")
			defer func() { _ = s.Close() }()
			piece := make([]byte, 10_000)
			sent := 0
			var err error
			for err == nil && sent < 100<<20 {
				for i := range piece {
					piece[i] = byte((sent + i) % 251)
				}
				var n int
				n, err = s.TryWrite(piece)
				sent += n
			}
			if !errors.Is(err, unix.EAGAIN) {
				t.Fatalf("after %d bytes to nobody TryWrite() = %v, want EAGAIN", sent, err)
			}
			read := make(chan int)
			go func() { // ends when all has come, or with the connection
				for i := range sent {
					if b, err := br.ReadByte(); err != nil || int(b) != i%251 {
						read <- i
						return
					}
				}
				read <- sent
			}()
			for deadline := time.Now().Add(patience); ; {
				select {
				case n := <-read:
					if n != sent {
						t.Errorf("the client reads %d of %d bytes right", n, sent)
					}
					return
				default:
					_, _ = s.TryWrite(nil) // a TLS layer's rest
					runtime.Gosched()
				}
				if time.Now().After(deadline) {
					t.Fatal("the client does not get all")
				}
			}
		})
	}
}

// TestDetachedLeaves: at shutdown a session is told at its turn, and cut off
// when the time is up.
func TestShutdownNotifiesSessionsThenCutsThem(t *testing.T) {
	t.Parallel()
	handler, sessions := detachHandler()
	r := start(t, cluster.Options{Handler: handler})
	polite, _, _ := detachedSession(t, r, nil, sessions, "")
	rude, _, br := detachedSession(t, r, nil, sessions, "")
	told := make(chan struct{}, 4)
	polite.OnShutdown(func() {
		told <- struct{}{}
		_ = polite.Close()
	})
	rude.OnShutdown(func() { told <- struct{}{} })
	go func() { _ = r.stop() }()
	_ = within(t, "a session is told", told)
	_ = within(t, "the other is told", told)
	if _, err := br.ReadByte(); err == nil {
		t.Error("the client of a session that stays is not cut off")
	}
	_ = rude.Close()
	_ = r.wait()
}

// TestDetachPanics: a handler of the handover that panics loses the connection
// and nothing else.
func TestPanicInDetachHandlerClosesOnlyThatConnection(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/panic" {
			cluster.Detach(ctx, func(*cluster.Session) { panic("as asked") })
		}
	}})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET /panic HTTP/1.1\r\nHost: test\r\n\r\n")
	br := bufio.NewReader(c)
	if _, err := http.ReadResponse(br, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the client reads %v, want the end", err)
	}
	eventually(t, "the connection counted out", func() bool { return r.status().Conns == 0 })
	if n := len(eventsOf[cluster.PanicContained](r.events)); n != 1 {
		t.Errorf("%d panics reported, want 1", n)
	}
}

package cluster_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// detachedSession makes a client connect, over TLS if config is set, and
// returns its Session and both ends of the connection. The client sends early
// right after its request.
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
	return within(t, "session", sessions), c, br
}

func detachHandler() (fasthttp.RequestHandler, <-chan *cluster.Session) {
	sessions := make(chan *cluster.Session, 10)
	return func(ctx *fasthttp.RequestCtx) {
		ctx.SetBodyString("ok")
		cluster.Detach(ctx, func(s *cluster.Session) { sessions <- s })
	}, sessions
}

// readSession reads n bytes from a session and polls until they arrive.
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

// TestDetachedSessionOutlivesItsWorker also checks that no method blocks, that
// data sent early is kept, and that the connection is counted until Close.
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
				t.Errorf("read %q first, want early", got)
			}
			if n, err := s.TryRead(make([]byte, 10)); n != 0 || !errors.Is(err, unix.EAGAIN) {
				t.Errorf("TryRead() of nothing = %d, %v; want EAGAIN", n, err)
			}
			if _, err := r.Reload(); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "later")
			if got := readSession(t, s, 5); got != "later" {
				t.Errorf("read %q after the worker's end, want later", got)
			}
			if n, err := s.TryWrite([]byte("hello")); n != 5 || err != nil {
				t.Errorf("TryWrite() = %d, %v", n, err)
			}
			got := make([]byte, 5)
			if _, err := io.ReadFull(br, got); err != nil || string(got) != "hello" {
				t.Errorf("the client read %q, %v", got, err)
			}
			if st := r.status(); st.Conns != 1 {
				t.Errorf("%d connections are counted, want 1", st.Conns)
			}
			_ = s.CloseWrite()
			if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("after CloseWrite the client read %v, want EOF", err)
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
			eventually(t, "release of the connection", func() bool { return r.status().Conns == 0 })
		})
	}
}

// TestTryWriteReportsFullSendBuffer also checks that the counted bytes arrive.
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
				t.Fatalf("after %d unread bytes TryWrite() = %v, want EAGAIN", sent, err)
			}
			read := make(chan int)
			go func() { // ends with the last byte or with the connection
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
						t.Errorf("the client read %d of %d bytes correctly", n, sent)
					}
					return
				default:
					_, _ = s.TryWrite(nil) // what the TLS layer still holds
					runtime.Gosched()
				}
				if time.Now().After(deadline) {
					t.Fatal("the client does not get all")
				}
			}
		})
	}
}

func TestShutdownNotifiesSessionsThenCutsThem(t *testing.T) {
	t.Parallel()
	handler, sessions := detachHandler()
	r := start(t, cluster.Options{Handler: handler})
	leaving, _, _ := detachedSession(t, r, nil, sessions, "")
	staying, _, br := detachedSession(t, r, nil, sessions, "")
	notified := make(chan struct{}, 4)
	leaving.OnShutdown(func() {
		notified <- struct{}{}
		_ = leaving.Close()
	})
	staying.OnShutdown(func() { notified <- struct{}{} })
	go func() { _ = r.stop() }()
	_ = within(t, "notification of a session", notified)
	_ = within(t, "notification of the other session", notified)
	if _, err := br.ReadByte(); err == nil {
		t.Error("a session that stays was not cut off")
	}
	_ = staying.Close()
	_ = r.wait()
}

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
		t.Errorf("the client read %v, want EOF", err)
	}
	eventually(t, "release of the connection", func() bool { return r.status().Conns == 0 })
	if n := len(eventsOf[cluster.PanicContained](r.events)); n != 1 {
		t.Errorf("%d panics reported, want 1", n)
	}
}

// TestHandoverReadsNoMoreThanItMust checks that what a client sends behind its
// request stays in the socket, where the client has to wait for it to be read.
func TestHandoverReadsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	const early = 4 << 20
	sent, sessions := make(chan struct{}), make(chan *cluster.Session, 1)
	r := start(t, cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
		<-sent
		cluster.Detach(ctx, func(s *cluster.Session) { sessions <- s })
	}})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	var written sync.WaitGroup
	written.Go(func() {
		_, _ = c.Write(make([]byte, 256<<10))
		close(sent)
		_, _ = c.Write(make([]byte, early-256<<10))
	})
	s := within(t, "session", sessions)
	defer func() { _ = s.Close() }()
	buf := make([]byte, early)
	n, err := s.TryRead(buf)
	if err != nil || n > 64<<10 {
		t.Errorf("the first read of a session returns %d bytes, %v; want at most 64 KiB read before", n, err)
	}
	readSession(t, s, early-n)
	written.Wait()
}

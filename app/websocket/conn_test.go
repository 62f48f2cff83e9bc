package websocket_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	fastws "github.com/fasthttp/websocket"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// TestTLS echoes messages larger than any buffer, in both directions at once.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil), func(o *cluster.Options) { o.TLS = selfSigned(t) })
	d := fastws.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	c, resp, err := d.DialContext(t.Context(), "wss://"+s.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	_ = c.SetReadDeadline(time.Now().Add(testTimeout))
	var wg sync.WaitGroup
	defer wg.Wait()
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	const n = 8
	wg.Go(func() {
		for range n {
			_ = c.WriteMessage(fastws.BinaryMessage, big)
			_ = c.WriteMessage(fastws.TextMessage, []byte("small"))
		}
	})
	for i := range n {
		for _, want := range [][]byte{big, []byte("small")} {
			if _, got, err := c.ReadMessage(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("message %d: %d bytes, %v; want %d bytes", i, len(got), err, len(want))
			}
		}
	}
	wg.Wait()
	_ = c.WriteControl(fastws.CloseMessage, fastws.FormatCloseMessage(1000, ""), time.Now().Add(testTimeout))
	if _, _, err := c.ReadMessage(); !fastws.IsCloseError(err, 1000) {
		t.Errorf("the end is %v, want close 1000", err)
	}
	_ = c.Close()
}

// A client that does not read is closed with 1013, after a complete message.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	conns, ends := make(chan *websocket.Conn, 1), make(chan closeCall, 1)
	s := startServer(t, &websocket.Upgrader{QueueLimit: 1 << 20}, func(c *websocket.Conn) websocket.Handler {
		conns <- c
		return &echoHandler{c, ends}
	})
	p := dial(t, s.addr)
	c := <-conns
	m := websocket.NewMessage(websocket.Binary, make([]byte, 100_000))
	sent, err := 0, error(nil)
	for ; err == nil && sent < 10_000; sent++ {
		err = c.Send(m)
	}
	if !errors.Is(err, eventloop.ErrSlowClient) {
		t.Fatalf("after %d messages of 100 kB to nobody: %v, want ErrSlowClient", sent, err)
	}
	if waits := c.Queued(); waits > 1<<20 {
		t.Errorf("%d bytes are still queued", waits)
	}
	got := 0
	for ; ; got++ {
		f, payload, err := p.readFrame()
		if err != nil {
			t.Fatalf("after %d messages: %v, want a close frame", got, err)
		}
		if f == 0x88 {
			if closeCode(payload) != websocket.TryAgainLater {
				t.Errorf("close code %d, want 1013", closeCode(payload))
			}
			break
		}
		if len(payload) != m.Len() {
			t.Fatalf("message of %d bytes, want %d", len(payload), m.Len())
		}
	}
	p.send(clientCloseFrame(1013, ""))
	_ = p.Close()
	if end := <-ends; end.code != websocket.TryAgainLater || !errors.Is(end.err, eventloop.ErrSlowClient) {
		t.Errorf("Closed(%d, %v), want 1013, ErrSlowClient", end.code, end.err)
	}
	if n := s.loop.Stats().Slow; n != 1 {
		t.Errorf("Stats().Slow = %d, want 1", n)
	}
}

// Only the newest queued message of a key is sent; all others keep their order.
func TestLatestReplaces(t *testing.T) {
	t.Parallel()
	conns := make(chan *websocket.Conn, 1)
	s := startServer(t, &websocket.Upgrader{}, func(c *websocket.Conn) websocket.Handler {
		conns <- c
		return &echoHandler{c, nil}
	})
	p := dial(t, s.addr)
	c := <-conns
	for c.Queued() < 24<<20 { // more than the socket buffers can take
		_ = c.Send(websocket.NewMessage(websocket.Binary, make([]byte, 1<<20)))
	}
	for i := range 1000 {
		_ = c.SendLatest(7, websocket.NewMessage(websocket.Text, fmt.Appendf(nil, "value %d", i)))
		if i%100 == 0 {
			_ = c.Send(websocket.NewMessage(websocket.Text, fmt.Appendf(nil, "alarm %d", i)))
		}
	}
	_ = c.Send(websocket.NewMessage(websocket.Text, []byte("end")))
	var got []string
	for {
		f, payload, err := p.readFrame()
		if err != nil {
			t.Fatal(err)
		}
		if string(payload) == "end" {
			break
		}
		if f == 0x81 {
			got = append(got, string(payload))
		}
	}
	want := []string{"value 999"}
	for i := 0; i < 1000; i += 100 {
		want = append(want, fmt.Sprintf("alarm %d", i))
	}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := s.loop.Stats().Replaced; n != 999 {
		t.Errorf("Stats().Replaced = %d, want 999", n)
	}
}

func TestConnectionsSurviveWorkerRecycling(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	const peers, messages = 50, 40
	var wg sync.WaitGroup
	for range peers {
		p := dial(t, s.addr)
		wg.Go(func() {
			for i := range messages {
				text := fmt.Sprintf("message %d", i)
				p.send(clientFrame(0x81, []byte(text)))
				if f, got, err := p.readFrame(); err != nil || f != 0x81 || string(got) != text {
					t.Errorf("echo of %q: %#x %q, %v", text, f, got, err)
					return
				}
			}
			p.send(clientCloseFrame(1000, ""))
			if f, _, err := p.readFrame(); err != nil || f != 0x88 {
				t.Errorf("close: %#x, %v", f, err)
			}
		})
	}
	for range 20 {
		if _, err := s.sup.Reload(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

// A panic in a handler closes only its connection and is reported once.
func TestPanicClosesOnlyItsConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	bystander := dial(t, s.addr)
	p := dial(t, s.addr)
	p.send(clientFrame(0x81, []byte("panic")))
	p.wantClose(websocket.InternalError)
	bystander.send(clientFrame(0x81, []byte("still here")))
	bystander.wantFrame(0x81, "still here")
	panics := 0
	s.stop()
	for len(s.events) > 0 {
		if e, ok := (<-s.events).(cluster.PanicContained); ok {
			panics++
			if e.Place != "websocket" || !strings.Contains(string(e.Stack), "Message") {
				t.Errorf("the event is %q with stack %.200s", e.Place, e.Stack)
			}
		}
	}
	if panics != 1 {
		t.Errorf("%d panics reported, want 1", panics)
	}
}

package eventloop_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"smart-factory-backend/app/websocket/eventloop"
)

// The queue is dropped except for a started chunk; the result of Slow follows.
func TestSlowClient(t *testing.T) {
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
		t.Fatalf("after %d pieces Send() = %v, want ErrSlowClient beyond a MiB and what the kernel takes", n, err)
	}
	if err := c.Send(0, piece); err == nil {
		t.Error("Send() after that = nil, want an error")
	}
	all, _ := io.ReadAll(peer)
	pieces, found := strings.CutSuffix(string(all), "too slow")
	if !found || strings.ReplaceAll(pieces, string(piece), "") != "" {
		t.Errorf("the peer reads %d bytes, want whole pieces followed by the result of Slow", len(all))
	}
	_ = peer.Close()
	if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrSlowClient) {
		t.Errorf("Closed(%v), want ErrSlowClient", err)
	}
}

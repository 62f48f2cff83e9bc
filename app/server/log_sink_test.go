package server

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// gatedWriter is a destination that stops or fails.
type gatedWriter struct {
	open chan struct{} // closed: writes go through

	mu   sync.Mutex
	fail error
	text strings.Builder
}

func (w *gatedWriter) Write(p []byte) (int, error) {
	<-w.open
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return 0, w.fail
	}
	return w.text.Write(p)
}

func (w *gatedWriter) setFail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = err
}

func (w *gatedWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// A destination that does not take lines holds nobody: what does not fit is lost,
// counted and reported, and the rest keeps its order.
func TestLogSinkNeverWaits(t *testing.T) {
	t.Parallel()
	w := &gatedWriter{open: make(chan struct{})}
	recovered := make(chan uint64, 10)
	s := StartLogSink(w, func(lost uint64) { recovered <- lost })
	const lines = 20_000
	for i := range lines {
		_, _ = fmt.Fprintf(s, "%08d %s\n", i, strings.Repeat("x", 100))
	}
	lost := s.Lost()
	if lost == 0 || lost >= lines {
		t.Fatalf("Lost() = %d of %d", lost, lines)
	}
	close(w.open)
	if got := <-recovered; got != lost {
		t.Errorf("the lost lines are reported as %d, want %d", got, lost)
	}
	s.Close(time.Minute)
	written := strings.Split(strings.TrimSpace(w.String()), "\n")
	if len(written) != lines-int(lost) {
		t.Errorf("%d lines were written, want %d", len(written), lines-int(lost))
	}
	for i, line := range written {
		if !strings.HasPrefix(line, fmt.Sprintf("%08d ", i)) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

func TestLogSinkCountsFailedWrites(t *testing.T) {
	t.Parallel()
	w := &gatedWriter{open: make(chan struct{}), fail: errors.New("broken pipe")}
	close(w.open)
	recovered := make(chan uint64, 10)
	s := StartLogSink(w, func(lost uint64) { recovered <- lost })
	_, _ = s.Write([]byte("a\n"))
	_, _ = s.Write([]byte("b\n"))
	waitUntil(t, "both writes have failed", func() bool { return s.Lost() == 2 })
	w.setFail(nil)
	_, _ = s.Write([]byte("c\n"))
	if got := <-recovered; got != 2 {
		t.Errorf("%d lost lines are reported, want 2", got)
	}
	s.Close(time.Minute)
	if w.String() != "c\n" {
		t.Errorf("written: %q", w.String())
	}
}

func TestLogSinkClosesWithinItsGrace(t *testing.T) {
	t.Parallel()
	w := &gatedWriter{open: make(chan struct{})}
	s := StartLogSink(w, nil)
	_, _ = s.Write([]byte("a\n"))
	s.Close(time.Millisecond) // returns although the destination is stuck
	_, _ = s.Write([]byte("b\n"))
	if s.Lost() != 1 {
		t.Errorf("Lost() after Close = %d, want 1", s.Lost())
	}
	close(w.open)
	<-s.ended
}

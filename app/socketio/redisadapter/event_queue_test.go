package redisadapter

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

func TestSerial(t *testing.T) {
	t.Parallel()
	s := eventQueue{limit: 1000}
	var order []int // without a lock: one function at a time
	done := make(chan struct{})
	for i := range 100 {
		if !s.enqueue(func() {
			order = append(order, i)
			if i%10 == 5 {
				runtime.Goexit()
			}
		}) {
			t.Fatal("do = false, want true")
		}
	}
	s.enqueue(func() { close(done) })
	<-done
	for i, n := range order {
		if i != n {
			t.Fatalf("order %v", order)
		}
	}
	if len(order) != 100 {
		t.Errorf("%d ran, want 100", len(order))
	}
	if err := s.close(time.Minute); err != nil {
		t.Errorf("close = %v", err)
	}
	if s.enqueue(func() {}) {
		t.Error("do = true after close")
	}
}

func TestSerialIsBounded(t *testing.T) {
	t.Parallel()
	s := eventQueue{limit: 10}
	release, running := make(chan struct{}), make(chan struct{})
	s.enqueue(func() { close(running); <-release })
	<-running
	for i := range 11 {
		if got, want := s.enqueue(func() { t.Error("what waited at close has run") }), i < 10; got != want {
			t.Errorf("do number %d = %v, want %v", i, got, want)
		}
	}
	if err := s.close(time.Millisecond); !errors.Is(err, errHandlerRunning) {
		t.Errorf("close = %v, want errStuck", err)
	}
	close(release)
	if err := s.close(time.Minute); err != nil {
		t.Errorf("second close = %v", err)
	}
}

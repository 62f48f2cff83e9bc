package redisadapter

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

func TestEventQueueRunsHandlersInOrder(t *testing.T) {
	t.Parallel()
	q := eventQueue{limit: 1000}
	var order []int // needs no mutex: one handler runs at a time
	done := make(chan struct{})
	for i := range 100 {
		if !q.enqueue(func() {
			order = append(order, i)
			if i%10 == 5 {
				runtime.Goexit()
			}
		}) {
			t.Fatal("enqueue = false, want true")
		}
	}
	q.enqueue(func() { close(done) })
	<-done
	for i, n := range order {
		if i != n {
			t.Fatalf("order %v", order)
		}
	}
	if len(order) != 100 {
		t.Errorf("%d ran, want 100", len(order))
	}
	if err := q.close(time.Minute); err != nil {
		t.Errorf("close = %v", err)
	}
	if q.enqueue(func() {}) {
		t.Error("enqueue = true after close")
	}
}

func TestEventQueueIsBounded(t *testing.T) {
	t.Parallel()
	q := eventQueue{limit: 10}
	release, running := make(chan struct{}), make(chan struct{})
	q.enqueue(func() { close(running); <-release })
	<-running
	for i := range 11 {
		if got, want := q.enqueue(func() { t.Error("a handler has run after close") }), i < 10; got != want {
			t.Errorf("enqueue %d = %v, want %v", i, got, want)
		}
	}
	if err := q.close(time.Millisecond); !errors.Is(err, errHandlerRunning) {
		t.Errorf("close = %v, want errHandlerRunning", err)
	}
	close(release)
	if err := q.close(time.Minute); err != nil {
		t.Errorf("second close = %v", err)
	}
}

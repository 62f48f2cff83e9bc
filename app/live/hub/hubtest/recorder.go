package hubtest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/live/hub"
)

// testTimeout bounds every wait, also on a busy machine.
const testTimeout = time.Minute

// recorder is the listener of a running broker and records its calls.
type recorder struct {
	t      *testing.T
	broker hub.Broker

	mu        sync.Mutex
	messages  []string // "room message"
	interest  map[string]bool
	announced map[string]int // how often interest in a room was reported
	states    []error
	busy      bool
}

func newRecorder(t *testing.T, n Network) *recorder {
	return &recorder{t: t, broker: n.Open(t), interest: map[string]bool{}, announced: map[string]int{}}
}

// runBroker runs a broker until the test ends.
func runBroker(t *testing.T, n Network) *recorder {
	t.Helper()
	r := newRecorder(t, n)
	r.run()
	return r
}

func (r *recorder) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.broker.Run(ctx, r) }()
	r.t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				r.t.Errorf("Run = %v, want nil", err)
			}
		case <-time.After(testTimeout):
			r.t.Error("Run has not returned after its context ended")
		}
	})
}

// enter fails the test if two calls of the listener overlap. The call ends with the
// returned function.
func (r *recorder) enter() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		r.t.Error("the listener is called by two goroutines at once")
	}
	r.busy = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy = false
	}
}

func (r *recorder) OnMessage(room string, message []byte) {
	defer r.enter()()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, room+" "+string(message))
}

func (r *recorder) OnInterest(room string, yes bool) {
	defer r.enter()()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.interest[room] = yes
	if yes {
		r.announced[room]++
	}
}

func (r *recorder) OnState(err error) {
	defer r.enter()()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states = append(r.states, err)
}

// eventually waits until done returns true. done is called with the recorder locked.
func (r *recorder) eventually(what string, done func() bool) {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for {
		r.mu.Lock()
		ok := done()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("%s: not within %v; messages %.300q, wanted %v, states %v", what, testTimeout, r.messages, r.interest, r.states)
		}
	}
}

func (r *recorder) awaitConnected() {
	r.t.Helper()
	r.eventually("connected", func() bool { return len(r.states) > 0 && r.states[len(r.states)-1] == nil })
}

func (r *recorder) awaitDisconnected() {
	r.t.Helper()
	r.eventually("disconnected", func() bool { return len(r.states) > 0 && r.states[len(r.states)-1] != nil })
}

func (r *recorder) awaitInterest(room string, yes bool) {
	r.t.Helper()
	r.eventually("room "+room, func() bool { return r.interest[room] == yes })
}

func (r *recorder) awaitMessages(room string, message ...string) {
	r.t.Helper()
	want := make([]string, len(message))
	for i, m := range message {
		want[i] = room + " " + m
	}
	r.eventually("messages", func() bool { return slices.Equal(r.messagesOf(room), want) })
}

// messagesOf returns the recorded messages of a room.
func (r *recorder) messagesOf(room string) []string {
	var of []string
	for _, m := range r.messages {
		if strings.HasPrefix(m, room+" ") {
			of = append(of, m)
		}
	}
	return of
}

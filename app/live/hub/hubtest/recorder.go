package hubtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/live/hub"
)

// patience is how long anything may take on a machine that is very busy.
const testTimeout = time.Minute

// end is one broker that runs, with what its listener was told.
type recorder struct {
	t      *testing.T
	broker hub.Broker

	mu        sync.Mutex
	messages  []string // "room message"
	interest  map[string]bool
	announced map[string]int // how often a room was said to be wanted
	states    []error
	busy      bool
}

// open runs a broker until the test ends.
func runBroker(t *testing.T, n Network) *recorder {
	t.Helper()
	e := &recorder{t: t, broker: n.Open(t), interest: map[string]bool{}, announced: map[string]int{}}
	e.run()
	return e
}

func (e *recorder) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.broker.Run(ctx, e) }()
	e.t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				e.t.Errorf("Run = %v, want nil", err)
			}
		case <-time.After(testTimeout):
			e.t.Error("Run does not end with its context")
		}
	})
}

// alone fails the test where the listener is called twice at a time.
func (e *recorder) enter() func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy {
		e.t.Error("the listener is called by two goroutines at once")
	}
	e.busy = true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.busy = false
	}
}

func (e *recorder) OnMessage(room string, message []byte) {
	defer e.enter()()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = append(e.messages, room+" "+string(message))
}

func (e *recorder) OnInterest(room string, yes bool) {
	defer e.enter()()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.interest[room] = yes
	if yes {
		e.announced[room]++
	}
}

func (e *recorder) OnState(err error) {
	defer e.enter()()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.states = append(e.states, err)
}

// eventually waits until done holds of what the listener was told.
func (e *recorder) eventually(what string, done func() bool) {
	e.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for {
		e.mu.Lock()
		ok := done()
		e.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			e.mu.Lock()
			defer e.mu.Unlock()
			e.t.Fatalf("%s: not within %v; messages %.300q, wanted %v, states %v", what, testTimeout, e.messages, e.interest, e.states)
		}
	}
}

func (e *recorder) awaitConnected() {
	e.t.Helper()
	e.eventually("connected", func() bool { return len(e.states) > 0 && e.states[len(e.states)-1] == nil })
}

func (e *recorder) awaitDisconnected() {
	e.t.Helper()
	e.eventually("away", func() bool { return len(e.states) > 0 && e.states[len(e.states)-1] != nil })
}

func (e *recorder) awaitInterest(room string, yes bool) {
	e.t.Helper()
	e.eventually("room "+room, func() bool { return e.interest[room] == yes })
}

func (e *recorder) awaitMessages(room string, message ...string) {
	e.t.Helper()
	want := make([]string, len(message))
	for i, m := range message {
		want[i] = room + " " + m
	}
	e.eventually("messages", func() bool { return slices.Equal(e.messagesOf(room), want) })
}

// of lists the messages of a room.
func (e *recorder) messagesOf(room string) []string {
	var of []string
	for _, m := range e.messages {
		if strings.HasPrefix(m, room+" ") {
			of = append(of, m)
		}
	}
	return of
}

var errTwice = errors.New("second Run of a broker")

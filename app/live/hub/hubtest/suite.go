package hubtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/live/hub"
)

// Network connects the brokers of one test.
type Network interface {
	// Open returns a new broker, whose Run has not been called.
	Open(t *testing.T) hub.Broker
	// Disconnect ends all connections until Reconnect.
	Disconnect(t *testing.T)
	Reconnect(t *testing.T)
}

// Run runs the suite. open makes a network for each test.
func Run(t *testing.T, open func(t *testing.T) Network) {
	for name, test := range map[string]func(*testing.T, Network){
		"subscribers receive messages in order":         testDelivery,
		"others learn of a subscription and its end":    testInterest,
		"others learn of subscriptions made before Run": testInterestBeforeRun,
		"room names and messages may be any bytes":      testContents,
		"subscriptions survive disconnections":          testDisconnect,
		"Publish does not block while disconnected":     testPublishWhileDisconnected,
		"Run ends with its context and runs once":       testRun,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func testDelivery(t *testing.T, n Network) {
	a, b, c := runBroker(t, n), runBroker(t, n), runBroker(t, n)
	for _, r := range []*recorder{a, b, c} {
		r.awaitConnected()
	}
	b.broker.Subscribe("line")
	c.broker.Subscribe("line")
	c.broker.Subscribe("other")
	a.awaitInterest("line", true)
	a.awaitInterest("other", true)
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprint("m", i))
		a.broker.Publish("line", []byte(want[i]))
		if i == 250 {
			a.broker.Publish("nobody", []byte("x"))
			a.broker.Publish("other", []byte("y"))
		}
	}
	b.awaitMessages("line", want...)
	c.awaitMessages("line", want...)
	c.awaitMessages("other", "y")
	a.awaitMessages("line")
	if len(b.messagesOf("other")) > 0 || len(c.messagesOf("nobody")) > 0 {
		t.Error("a broker received messages of a room that it has not subscribed to")
	}

	b.broker.Unsubscribe("line")
	c.broker.Unsubscribe("line")
	a.awaitInterest("line", false)
	a.broker.Publish("line", []byte("late"))
	a.broker.Publish("other", []byte("after it"))
	c.awaitMessages("other", "y", "after it")
	c.awaitMessages("line", want...)
}

func testInterest(t *testing.T, n Network) {
	a, b, c := runBroker(t, n), runBroker(t, n), runBroker(t, n)
	b.awaitConnected()
	c.awaitConnected()
	b.broker.Subscribe("r")
	a.awaitInterest("r", true)
	c.awaitInterest("r", true)
	a.broker.Subscribe("r")
	b.awaitInterest("r", true)
	a.broker.Unsubscribe("r")
	b.awaitInterest("r", false) // a broker's own subscription is not reported to it
	a.awaitInterest("r", true)
	b.broker.Unsubscribe("r")
	a.awaitInterest("r", false)
	c.awaitInterest("r", false)
}

func testInterestBeforeRun(t *testing.T, n Network) {
	a := runBroker(t, n)
	a.awaitConnected()
	a.broker.Subscribe("r")
	b := newRecorder(t, n)
	b.broker.Subscribe("before")
	b.broker.Subscribe("dropped")
	b.broker.Unsubscribe("dropped")
	b.run()
	b.awaitInterest("r", true)
	a.awaitInterest("before", true)
	a.broker.Publish("dropped", []byte("x"))
	a.broker.Publish("before", []byte("y"))
	b.awaitMessages("before", "y")
	b.awaitMessages("dropped")
}

func testContents(t *testing.T, n Network) {
	a, b := runBroker(t, n), runBroker(t, n)
	a.awaitConnected()
	b.awaitConnected()
	for _, room := range []string{"machine:Presse 4/ü", "line:a/b/c", "*", "r[1]?", "\x00\xff", strings.Repeat("x", 400)} {
		b.broker.Subscribe(room)
		a.awaitInterest(room, true)
		large := strings.Repeat("\x00\r\n$1é", 40_000)
		a.broker.Publish(room, []byte("\x00\r\n"))
		a.broker.Publish(room, []byte(large))
		b.awaitMessages(room, "\x00\r\n", large)
	}
	b.broker.Subscribe("machine:x")
	a.awaitInterest("machine:x", true)
	if b.messagesOf("*")[0] != "* \x00\r\n" || len(b.messagesOf("*")) != 2 {
		t.Error("the name of a room is used as a pattern")
	}
}

func testDisconnect(t *testing.T, n Network) {
	a, b := runBroker(t, n), runBroker(t, n)
	b.broker.Subscribe("r")
	a.awaitConnected()
	b.awaitConnected()
	a.awaitInterest("r", true)
	for round := range 3 {
		b.mu.Lock()
		before := len(b.messagesOf("r"))
		b.mu.Unlock()
		n.Disconnect(t)
		a.awaitDisconnected()
		b.awaitDisconnected()
		a.broker.Publish("r", []byte("lost"))
		late := fmt.Sprint("late", round)
		b.broker.Subscribe(late)
		a.mu.Lock()
		announced := a.announced["r"]
		a.mu.Unlock()
		n.Reconnect(t)
		a.awaitConnected()
		b.awaitConnected()
		a.eventually("the interest again", func() bool { return a.announced["r"] > announced })
		a.awaitInterest(late, true)
		a.broker.Publish("r", []byte("found"))
		a.broker.Publish(late, []byte("x"))
		b.awaitMessages(late, "x")
		b.eventually("a message after the reconnection", func() bool {
			of := b.messagesOf("r")
			return len(of) > before && of[len(of)-1] == "r found"
		})
	}
}

func testPublishWhileDisconnected(t *testing.T, n Network) {
	a, b := runBroker(t, n), runBroker(t, n)
	a.awaitConnected()
	b.awaitConnected()
	b.broker.Subscribe("r")
	a.awaitInterest("r", true)
	n.Disconnect(t)
	begin := time.Now()
	message := make([]byte, 1<<10)
	for range 100_000 {
		a.broker.Publish("r", message)
	}
	if took := time.Since(begin); took > testTimeout/2 {
		t.Errorf("publishing 100000 messages while disconnected took %v", took)
	}
	n.Reconnect(t)
	a.awaitConnected()
	b.awaitConnected()
	a.eventually("the interest again", func() bool { return a.announced["r"] > 1 })
	a.broker.Publish("r", []byte("end"))
	b.eventually("the first message after the reconnection", func() bool {
		of := b.messagesOf("r")
		return len(of) > 0 && of[len(of)-1] == "r end"
	})
}

func testRun(t *testing.T, n Network) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := newRecorder(t, n)
	b := r.broker
	if err := b.Run(ctx, r); err != nil {
		t.Errorf("Run with a cancelled context = %v, want nil", err)
	}
	if err := b.Run(context.Background(), r); !errors.Is(err, hub.ErrRunning) {
		t.Errorf("second Run = %v, want %v", err, hub.ErrRunning)
	}
	b.Subscribe("r")
	b.Publish("r", []byte("x"))
	b.Unsubscribe("r")
}

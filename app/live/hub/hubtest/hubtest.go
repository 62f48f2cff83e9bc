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

// Network is where the brokers of a test meet.
type Network interface {
	// Open returns another broker, which does not run yet.
	Open(t *testing.T) hub.Broker
	// Cut takes the connections away until Mend.
	Cut(t *testing.T)
	Mend(t *testing.T)
}

// Run checks the brokers of the networks that open makes, one for each test.
func Run(t *testing.T, open func(t *testing.T) Network) {
	for name, test := range map[string]func(*testing.T, Network){
		"messages reach who asked for them, in order": messages,
		"wishes are heard by the others":              wishes,
		"wishes from before are heard, too":           early,
		"any name and any message travel":             contents,
		"a cut is noticed and mended":                 cut,
		"publishing never blocks":                     unbounded,
		"life":                                        life,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func messages(t *testing.T, n Network) {
	a, b, c := open(t, n), open(t, n), open(t, n)
	for _, e := range []*end{a, b, c} {
		e.connected()
	}
	b.broker.Subscribe("line")
	c.broker.Subscribe("line")
	c.broker.Subscribe("other")
	a.wants("line", true)
	a.wants("other", true)
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprint("m", i))
		a.broker.Publish("line", []byte(want[i]))
		if i == 250 {
			a.broker.Publish("nobody", []byte("x"))
			a.broker.Publish("other", []byte("y"))
		}
	}
	b.got("line", want...)
	c.got("line", want...)
	c.got("other", "y")
	a.got("line")
	if len(b.of("other")) > 0 || len(c.of("nobody")) > 0 {
		t.Error("messages reached one who has not asked for them")
	}

	b.broker.Unsubscribe("line")
	c.broker.Unsubscribe("line")
	a.wants("line", false)
	a.broker.Publish("line", []byte("late"))
	a.broker.Publish("other", []byte("after it"))
	c.got("other", "y", "after it")
	c.got("line", want...)
}

func wishes(t *testing.T, n Network) {
	a, b, c := open(t, n), open(t, n), open(t, n)
	b.connected()
	c.connected()
	b.broker.Subscribe("r")
	a.wants("r", true)
	c.wants("r", true)
	a.broker.Subscribe("r")
	b.wants("r", true)
	a.broker.Unsubscribe("r")
	b.wants("r", false) // one's own wish does not count
	a.wants("r", true)
	b.broker.Unsubscribe("r")
	a.wants("r", false)
	c.wants("r", false)
}

func early(t *testing.T, n Network) {
	a := open(t, n)
	a.connected()
	a.broker.Subscribe("r")
	b := &end{t: t, broker: n.Open(t), wanted: map[string]bool{}, wishes: map[string]int{}}
	b.broker.Subscribe("before")
	b.broker.Subscribe("dropped")
	b.broker.Unsubscribe("dropped")
	b.run()
	b.wants("r", true)
	a.wants("before", true)
	a.broker.Publish("dropped", []byte("x"))
	a.broker.Publish("before", []byte("y"))
	b.got("before", "y")
	b.got("dropped")
}

func contents(t *testing.T, n Network) {
	a, b := open(t, n), open(t, n)
	a.connected()
	b.connected()
	for _, room := range []string{"machine:Presse 4/ü", "line:a/b/c", "*", "r[1]?", "\x00\xff", strings.Repeat("x", 400)} {
		b.broker.Subscribe(room)
		a.wants(room, true)
		large := strings.Repeat("\x00\r\n$1é", 40_000)
		a.broker.Publish(room, []byte("\x00\r\n"))
		a.broker.Publish(room, []byte(large))
		b.got(room, "\x00\r\n", large)
	}
	b.broker.Subscribe("machine:x")
	a.wants("machine:x", true)
	if b.of("*")[0] != "* \x00\r\n" || len(b.of("*")) != 2 {
		t.Error("a room is taken for a pattern")
	}
}

func cut(t *testing.T, n Network) {
	a, b := open(t, n), open(t, n)
	b.broker.Subscribe("r")
	a.connected()
	b.connected()
	a.wants("r", true)
	for round := range 3 {
		b.mu.Lock()
		before := len(b.of("r"))
		b.mu.Unlock()
		n.Cut(t)
		a.away()
		b.away()
		a.broker.Publish("r", []byte("lost"))
		late := fmt.Sprint("late", round)
		b.broker.Subscribe(late)
		a.mu.Lock()
		wishes := a.wishes["r"]
		a.mu.Unlock()
		n.Mend(t)
		a.connected()
		b.connected()
		a.eventually("the wish again", func() bool { return a.wishes["r"] > wishes })
		a.wants(late, true)
		a.broker.Publish("r", []byte("found"))
		a.broker.Publish(late, []byte("x"))
		b.got(late, "x")
		b.eventually("a message after the cut", func() bool {
			of := b.of("r")
			return len(of) > before && of[len(of)-1] == "r found"
		})
	}
}

func unbounded(t *testing.T, n Network) {
	a, b := open(t, n), open(t, n)
	a.connected()
	b.connected()
	b.broker.Subscribe("r")
	a.wants("r", true)
	n.Cut(t)
	begin := time.Now()
	message := make([]byte, 1<<10)
	for range 100_000 {
		a.broker.Publish("r", message)
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("100000 messages that nobody can get took %v", took)
	}
	n.Mend(t)
	a.connected()
	b.connected()
	a.eventually("the wish again", func() bool { return a.wishes["r"] > 1 })
	a.broker.Publish("r", []byte("end"))
	b.eventually("the first message after it", func() bool {
		of := b.of("r")
		return len(of) > 0 && of[len(of)-1] == "r end"
	})
}

func life(t *testing.T, n Network) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := n.Open(t)
	e := &end{t: t, broker: b, wanted: map[string]bool{}, wishes: map[string]int{}}
	if err := b.Run(ctx, e); err != nil {
		t.Errorf("Run that is stopped before it starts = %v, want nil", err)
	}
	if err := b.Run(context.Background(), e); !errors.Is(err, hub.ErrRunning) {
		t.Errorf("%v = %v, want %v", errTwice, err, hub.ErrRunning)
	}
	b.Subscribe("r")
	b.Publish("r", []byte("x"))
	b.Unsubscribe("r")
}

//go:build integration

package redislink_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio/redislink"
	"smart-factory-backend/app/testkit/porttest"
)

// testTimeout bounds every wait, also on a busy machine.
const testTimeout = time.Minute

// startRedis starts a server on a port and returns a function that kills it.
func startRedis(t *testing.T, port int) (kill func()) {
	t.Helper()
	cmd := exec.Command("redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for {
		if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = c.Close()
			return kill
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("redis-server does not start")
		}
	}
}

// runLink runs a link until the test ends. states receives what OnState reports.
func runLink(t *testing.T, o redislink.Options) (l *redislink.Link, states chan error) {
	t.Helper()
	states = make(chan error, 1000)
	o.OnState = func(err error) { states <- err }
	l = newLink(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := receive(t, ended); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return l, states
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(testTimeout):
		t.Fatalf("nothing received within %v", testTimeout)
		panic("unreachable")
	}
}

func awaitConnected(t *testing.T, states <-chan error) {
	t.Helper()
	for receive(t, states) != nil {
	}
}

func TestIntegrationSubscriptionsSurviveReconnections(t *testing.T) {
	t.Parallel()
	port := porttest.ForTest(t)
	kill := startRedis(t, port)
	o := options("redis://127.0.0.1:" + strconv.Itoa(port))
	confirmed := make(chan []string, 10)
	o.OnSubscribed = func(channels []string) { confirmed <- channels }
	o.Poll = func(ctx context.Context, c *redislink.Connection, _ bool) error {
		channels, err := c.Channels(ctx, "exact*")
		if !c.IsSubscribed("exact") || c.IsSubscribed("other") || !slices.Equal(channels, []string{"exact"}) {
			t.Errorf("Poll sees subscriptions %v, %v, want exact", channels, err)
		}
		return err
	}
	o.PollInterval = time.Hour
	l, states := runLink(t, o)
	got := make(chan string, 10)
	l.Subscribe("exact", func(channel, message string) { got <- "channel " + channel + " " + message })
	l.SubscribePattern("p*", func(channel, message string) { got <- "pattern " + channel + " " + message })
	for range 2 {
		awaitConnected(t, states)
		for !slices.Contains(receive(t, confirmed), "exact") {
		}
		if n, err := l.Subscribers(t.Context(), "exact", "nobody"); err != nil || n["exact"] != 1 || n["nobody"] != 0 {
			t.Errorf("Subscribers = %v, %v, want 1 for exact", n, err)
		}
		l.Publish("exact", []byte("a"))
		l.Publish("pq", []byte("b"))
		for _, want := range []string{"channel exact a", "pattern pq b"} {
			if message := receive(t, got); message != want {
				t.Errorf("received %q, want %q", message, want)
			}
		}
		kill()
		if err := receive(t, states); err == nil {
			t.Error("OnState = nil, want the loss of the connection")
		}
		kill = startRedis(t, port)
	}
}

func TestIntegrationCancelSparesALaterSubscription(t *testing.T) {
	t.Parallel()
	port := porttest.ForTest(t)
	startRedis(t, port)
	l, states := runLink(t, options("redis://127.0.0.1:"+strconv.Itoa(port)))
	got := make(chan string, 10)
	first := l.Subscribe("c", func(_, message string) { got <- "first " + message })
	l.Subscribe("c", func(_, message string) { got <- "second " + message })
	first.Cancel()
	cancelled := l.Subscribe("cancelled", func(_, message string) { got <- "cancelled " + message })
	cancelled.Cancel()
	awaitConnected(t, states)
	for receiving := false; !receiving; { // the subscription may follow the connection
		n, err := l.Subscribers(t.Context(), "c")
		if err != nil {
			t.Fatal(err)
		}
		receiving = n["c"] == 1
	}
	l.Publish("cancelled", []byte("x"))
	l.Publish("c", []byte("y"))
	if message := receive(t, got); message != "second y" {
		t.Errorf("received %q, want %q", message, "second y")
	}
}

// A fault in a hook must not end the process: it closes the connection, and the
// link connects again.
func TestIntegrationFaultInAHookReconnects(t *testing.T) {
	t.Parallel()
	port := porttest.ForTest(t)
	startRedis(t, port)
	o := options("redis://127.0.0.1:" + strconv.Itoa(port))
	polls := 0
	o.Poll = func(context.Context, *redislink.Connection, bool) error {
		if polls++; polls == 1 {
			return errors.New("first poll")
		}
		return nil
	}
	o.PollInterval = time.Hour
	l, states := runLink(t, o)
	l.Subscribe("c", func(string, string) { panic("in a handler") })
	awaitConnected(t, states)
	if err := receive(t, states); err == nil || err.Error() != "first poll" {
		t.Errorf("OnState = %v, want the error of the first poll", err)
	}
	awaitConnected(t, states)
	for n := map[string]int64{}; n["c"] != 1; {
		n, _ = l.Subscribers(t.Context(), "c")
	}
	l.Publish("c", []byte("x"))
	if err := receive(t, states); err == nil || !strings.Contains(err.Error(), "in a handler") {
		t.Errorf("OnState = %v, want the panic of the handler", err)
	}
	awaitConnected(t, states)
	if n := l.Stats().Connections; n != 3 {
		t.Errorf("Connections = %d, want 3", n)
	}
}

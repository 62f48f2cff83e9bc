//go:build integration

package redisbroker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/live/hub/hubtest"
	"smart-factory-backend/app/live/hub/redisbroker"
	"smart-factory-backend/app/testkit/porttest"
	"smart-factory-backend/app/testkit/redistest"
)

const testTimeout = time.Minute

// redisServer is the Redis server of one test, a hubtest.Network.
type redisServer struct {
	addr string
	port string
	cmd  *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	port := strconv.Itoa(porttest.ForTest(t))
	r := &redisServer{addr: net.JoinHostPort("127.0.0.1", port), port: port}
	r.Reconnect(t)
	t.Cleanup(func() { r.Disconnect(t) })
	return r
}

// Reconnect starts the server and waits until it accepts connections.
func (r *redisServer) Reconnect(t *testing.T) {
	t.Helper()
	r.cmd = exec.Command("redis-server", "--port", r.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for {
		if c, err := net.Dial("tcp", r.addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("redis-server does not start")
		}
	}
}

// Disconnect kills the server.
func (r *redisServer) Disconnect(*testing.T) {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *redisServer) options() redisbroker.Options {
	return redisbroker.Options{
		URL: "redis://" + r.addr, PollInterval: 50 * time.Millisecond, BackoffMax: 200 * time.Millisecond,
		Prefix: "test*[x]",
	}
}

func (r *redisServer) Open(t *testing.T) hub.Broker {
	t.Helper()
	b, err := redisbroker.New(r.options())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIntegrationContract(t *testing.T) {
	t.Parallel()
	hubtest.Run(t, func(t *testing.T) hubtest.Network { return startRedis(t) })
}

// redisCluster is a Redis Cluster, a hubtest.Network.
type redisCluster struct{ *redistest.Cluster }

func (c redisCluster) Reconnect(t *testing.T) {
	t.Helper()
	for i := range 3 {
		c.Start(t, i)
	}
}

func (c redisCluster) Disconnect(*testing.T) {
	for i := range 3 {
		c.Kill(i)
	}
}

func (c redisCluster) Open(t *testing.T) hub.Broker {
	t.Helper()
	b, err := redisbroker.New(redisbroker.Options{
		URL: c.URL(), PollInterval: 50 * time.Millisecond, BackoffMax: 200 * time.Millisecond, Prefix: "test*[x]",
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIntegrationContractOnCluster(t *testing.T) {
	t.Parallel()
	hubtest.Run(t, func(t *testing.T) hubtest.Network { return redisCluster{redistest.StartCluster(t)} })
}

// recorder is a listener that records the last state and the interest.
type recorder struct {
	mu       sync.Mutex
	state    error
	states   int
	interest map[string]bool
	panics   bool
}

func (w *recorder) OnMessage(string, []byte) {
	if w.panics {
		panic("a fault in a listener")
	}
}

func (w *recorder) OnInterest(room string, yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interest[room] = yes
}

func (w *recorder) OnState(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = err
	w.states++
}

// runBroker runs a broker until the test ends.
func runBroker(t *testing.T, o redisbroker.Options, panics bool) (*redisbroker.Broker, *recorder) {
	t.Helper()
	b, err := redisbroker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &recorder{state: errors.New("no state yet"), interest: map[string]bool{}, panics: panics}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, w) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return b, w
}

func (w *recorder) eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for {
		w.mu.Lock()
		ok := done()
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v; state %v", what, testTimeout, w.state)
		}
	}
}

func TestIntegrationUnresponsiveServerIsDisconnected(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	o := r.options()
	o.Timeout = 300 * time.Millisecond
	b, w := runBroker(t, o, false)
	w.eventually(t, "connected", func() bool { return w.state == nil })
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "disconnected", func() bool { return w.state != nil })
	if b.Stats().Connected {
		t.Error("Connected is true without a server")
	}
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "reconnected", func() bool { return w.state == nil })
	if s := b.Stats(); !s.Connected || s.Connections != 2 {
		t.Errorf("Stats = %+v, want a second connection", s)
	}
}

func TestIntegrationConnectsOnceTheServerStarts(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	r.Disconnect(t)
	_, w := runBroker(t, r.options(), false)
	w.eventually(t, "several attempts", func() bool { return w.states > 2 })
	r.Reconnect(t)
	w.eventually(t, "connected", func() bool { return w.state == nil })
}

func TestIntegrationPanicOfTheListenerReconnects(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	b, w := runBroker(t, r.options(), true)
	other, seen := runBroker(t, r.options(), false)
	b.Subscribe("r")
	seen.eventually(t, "interest", func() bool { return seen.interest["r"] })
	states := 0
	w.eventually(t, "connected", func() bool { states = w.states; return w.state == nil })
	other.Publish("r", []byte("x"))
	w.eventually(t, "a new connection", func() bool { return w.states >= states+2 && w.state == nil })
	if got := b.Stats().Connections; got != 2 {
		t.Errorf("Connections = %d, want 2", got)
	}
}

func TestIntegrationQueueIsBounded(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	o := r.options()
	o.QueueBytes = 1 << 20
	b, w := runBroker(t, o, false)
	w.eventually(t, "connected", func() bool { return w.state == nil })
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 64<<10)
	for range 1000 {
		b.Publish("r", message)
	}
	if dropped := b.Stats().Dropped; dropped < 500 {
		t.Errorf("%d of 1000 messages dropped with a queue for 16", dropped)
	}
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

func TestIntegrationInterestInManyRooms(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, w := runBroker(t, r.options(), false)
	_, seen := runBroker(t, r.options(), false)
	for i := range 3000 {
		a.Subscribe(fmt.Sprint("room", i))
	}
	seen.eventually(t, "all interest", func() bool { return len(seen.interest) == 3000 })
	r.Disconnect(t)
	w.eventually(t, "disconnected", func() bool { return w.state != nil })
	seen.mu.Lock()
	clear(seen.interest)
	seen.mu.Unlock()
	r.Reconnect(t)
	seen.eventually(t, "all interest again", func() bool { return len(seen.interest) == 3000 })
}

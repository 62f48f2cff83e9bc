//go:build integration

package redisadapter_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/redisadapter"
	"smart-factory-backend/app/testkit/porttest"

	"github.com/redis/rueidis"
)

// testTimeout bounds every wait, also on a busy machine.
const testTimeout = time.Minute

// eventually waits until done returns true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, testTimeout)
		}
	}
}

// redisServer is the Redis server of one test.
type redisServer struct {
	t    *testing.T
	port string
	cmd  *exec.Cmd
}

func newRedis(t *testing.T) *redisServer {
	t.Helper()
	r := &redisServer{t: t, port: strconv.Itoa(porttest.ForTest(t))}
	t.Cleanup(r.kill)
	return r
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	r := newRedis(t)
	r.start()
	return r
}

func (r *redisServer) url() string { return "redis://127.0.0.1:" + r.port }

func (r *redisServer) start() {
	r.t.Helper()
	r.cmd = exec.Command("redis-server", "--port", r.port, "--bind", "127.0.0.1", "--save", "", "--dir", r.t.TempDir())
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "redis-server", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+r.port)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (r *redisServer) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *redisServer) kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// client returns a Redis client of the server.
func (r *redisServer) client() rueidis.Client {
	r.t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{"127.0.0.1:" + r.port}, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// server is a Socket.IO server with a running connector.
type server struct {
	t      *testing.T
	redis  *redisadapter.Connector
	io     *socketio.Server
	stop   context.CancelFunc
	ended  chan struct{}
	mu     sync.Mutex
	states []error
}

// startServer starts a server without waiting for Redis.
func startServer(t *testing.T, o redisadapter.Options) *server {
	t.Helper()
	s := &server{t: t, ended: make(chan struct{})}
	if o.RequestsTimeout == 0 {
		o.RequestsTimeout = testTimeout
	}
	o.OnState = func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.states = append(s.states, err)
	}
	var err error
	if s.redis, err = redisadapter.New(o); err != nil {
		t.Fatal(err)
	}
	if s.io, err = socketio.NewServer(socketio.Options{Adapter: s.redis.Adapter, AckTimeout: testTimeout}); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	go func() { // ends with the test
		defer close(s.ended)
		if err := s.redis.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	}()
	t.Cleanup(s.stopAndWait)
	return s
}

func (s *server) stopAndWait() {
	s.stop()
	select {
	case <-s.ended:
	case <-time.After(testTimeout):
		s.t.Errorf("Run did not end within %v", testTimeout)
	}
}

// startConnectedServer starts a server and waits until it is connected.
func startConnectedServer(t *testing.T, o redisadapter.Options) *server {
	t.Helper()
	s := startServer(t, o)
	s.awaitConnected()
	return s
}

func (s *server) awaitConnected() {
	s.t.Helper()
	eventually(s.t, "connection", func() bool { return s.redis.Err() == nil })
}

// awaitServerCount waits until the namespace has n servers.
func (s *server) awaitServerCount(nsp string, n int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprint(n, " servers"), func() bool {
		got, err := s.io.Of(nsp).ServerCount(s.t.Context())
		return err == nil && got == n
	})
}

// recordEvents sends the arguments of the server-side events of a name to a channel.
func (s *server) recordEvents(nsp, event string) chan string {
	events := make(chan string, 1000)
	s.io.Of(nsp).OnServerSideEvent(event, func(e *socketio.ServerEvent) { events <- string(e.Args.JSON()) })
	return events
}

func expectEvent(t *testing.T, events chan string, want string) {
	t.Helper()
	select {
	case got := <-events:
		if got != want {
			t.Errorf("event %s, want %s", got, want)
		}
	case <-time.After(testTimeout):
		t.Fatalf("%s: not within %v", want, testTimeout)
	}
}

func TestIntegrationServerSideEvents(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, b, c := startConnectedServer(t, redisadapter.Options{URL: r.url()}), startConnectedServer(t, redisadapter.Options{URL: r.url()}), startConnectedServer(t, redisadapter.Options{URL: r.url()})
	a.awaitServerCount("/", 3)
	own, events := a.recordEvents("/", "hello"), b.recordEvents("/", "hello")
	for i := range 100 {
		if err := a.io.ServerSideEmit("hello", i, map[string]any{"a": "é"}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		expectEvent(t, events, fmt.Sprintf(`[%d,{"a":"é"}]`, i))
	}
	for i, s := range []*server{b, c} {
		s.io.OnServerSideEvent("ask", func(e *socketio.ServerEvent) {
			if !e.WantsAck() {
				t.Error("WantsAck = false, want true")
			}
			_ = e.Ack([]any{i, e.Args})
		})
	}
	answers, err := a.io.ServerSideEmitWithAck(t.Context(), "ask", "x")
	var got []string
	for _, v := range answers {
		got = append(got, string(v.JSON()))
	}
	slices.Sort(got)
	if want := []string{`[[0,["x"]]]`, `[[1,["x"]]]`}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ServerSideEmitWithAck = %v, %v, want %v", got, err, want)
	}
	if len(own) > 0 {
		t.Error("the server received its own event")
	}
}

// manualDeadline is a context whose deadline passes when expired is closed.
type manualDeadline struct {
	context.Context
	expired chan struct{}
}

func (e manualDeadline) Done() <-chan struct{} { return e.expired }

func (e manualDeadline) Err() error {
	select {
	case <-e.expired:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// If a server does not respond, the caller receives the responses of the others
// and an error when the timeout has passed.
func TestIntegrationMissingResponseIsATimeout(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, hasty := startConnectedServer(t, redisadapter.Options{URL: r.url()}), startConnectedServer(t, redisadapter.Options{URL: r.url(), RequestsTimeout: 100 * time.Millisecond})
	b, c := startConnectedServer(t, redisadapter.Options{URL: r.url()}), startConnectedServer(t, redisadapter.Options{URL: r.url()})
	a.awaitServerCount("/", 4)
	ctx := manualDeadline{t.Context(), make(chan struct{})}
	timeIsUp := sync.OnceFunc(func() { close(ctx.expired) })
	a.io.OnServerSideEvent("answered", func(*socketio.ServerEvent) { timeIsUp() })
	hasty.io.OnServerSideEvent("ask", func(*socketio.ServerEvent) {})
	c.io.OnServerSideEvent("ask", func(*socketio.ServerEvent) {})
	b.io.OnServerSideEvent("ask", func(e *socketio.ServerEvent) {
		_ = e.Ack("b")
		_ = e.Ack("again")
		_ = b.io.ServerSideEmit("answered") // arrives after the response
	})
	answers, err := a.io.ServerSideEmitWithAck(ctx, "ask")
	if !errors.Is(err, socketio.ErrTimeout) || len(answers) != 1 || string(answers[0].JSON()) != `["b"]` {
		t.Errorf("ServerSideEmitWithAck = %v, %v, want b and a timeout", answers, err)
	}
	answers, err = hasty.io.ServerSideEmitWithAck(t.Context(), "ask")
	if err == nil || len(answers) > 1 {
		t.Errorf("ServerSideEmitWithAck with 100 ms = %v, %v, want b at most and an error", answers, err)
	}
}

// A handler that panics or ends its goroutine does not affect later events.
func TestIntegrationFailedHandlersDoNotStopTheQueue(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, b := startConnectedServer(t, redisadapter.Options{URL: r.url()}), startConnectedServer(t, redisadapter.Options{URL: r.url()})
	a.awaitServerCount("/", 2)
	b.io.OnServerSideEvent("bad", func(e *socketio.ServerEvent) {
		if e.Args.Text(0) == "panic" {
			panic("on purpose")
		}
		runtime.Goexit()
	})
	events := b.recordEvents("/", "good")
	for i := range 10 {
		_ = a.io.ServerSideEmit("bad", []string{"panic", "goexit"}[i%2])
		_ = a.io.ServerSideEmit("good", i)
	}
	for i := range 10 {
		expectEvent(t, events, fmt.Sprintf("[%d]", i))
	}
}

func TestIntegrationNamespacesAreIsolated(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, b := startConnectedServer(t, redisadapter.Options{URL: r.url(), Key: "k"}), startConnectedServer(t, redisadapter.Options{URL: r.url(), Key: "k"})
	other := startConnectedServer(t, redisadapter.Options{URL: r.url(), Key: "k2"})
	for _, nsp := range []string{"/a", "/ab", "/a*", "/[a]?", "/a#b", "/é ü"} {
		b.io.Of(nsp)
		a.awaitServerCount(nsp, 2)
		b.awaitServerCount(nsp, 2)
		events := b.recordEvents(nsp, "hello")
		_ = a.io.Of(nsp).ServerSideEmit("hello", nsp)
		expectEvent(t, events, `["`+nsp+`"]`)
	}
	other.awaitServerCount("/", 1)
	// A closed namespace is no longer counted.
	if err := b.io.Of("/ab").Adapter().Close(); err != nil {
		t.Error(err)
	}
	a.awaitServerCount("/ab", 1)
	a.awaitServerCount("/a", 2)
}

// A namespace may be recreated before its previous adapter is closed.
func TestIntegrationCloseSparesTheNextAdapterOfANamespace(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, b := startConnectedServer(t, redisadapter.Options{URL: r.url()}), startConnectedServer(t, redisadapter.Options{URL: r.url()})
	old := b.io.Of("/n").Adapter()
	events := b.recordEvents("/n", "hello")
	a.awaitServerCount("/n", 2)
	b.redis.Adapter(b.io.Of("/n")) // as the server does for a new namespace
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	b.recordEvents("/later", "hello")
	a.awaitServerCount("/later", 2) // by then all subscriptions are up to date
	a.awaitServerCount("/n", 2)
	_ = a.io.Of("/n").ServerSideEmit("hello", 1)
	expectEvent(t, events, `[1]`)
}

func TestIntegrationReconnectsAfterRedisRestarts(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	a, b := startServer(t, redisadapter.Options{URL: r.url()}), startServer(t, redisadapter.Options{URL: r.url()})
	if err := a.redis.Err(); err == nil {
		t.Error("Err = nil before Redis has started")
	}
	r.start()
	for round := range 3 {
		a.awaitConnected()
		b.awaitConnected()
		a.awaitServerCount("/", 2)
		events := b.recordEvents("/", fmt.Sprint("hello", round))
		_ = a.io.ServerSideEmit(fmt.Sprint("hello", round), round)
		expectEvent(t, events, fmt.Sprintf("[%d]", round))
		if round == 2 {
			break
		}
		r.kill()
		eventually(t, "loss", func() bool { return a.redis.Err() != nil && b.redis.Err() != nil })
		if n, err := a.io.ServerCount(t.Context()); err == nil {
			t.Errorf("ServerCount = %d without Redis, want an error", n)
		}
		if _, err := a.io.FetchSockets(t.Context()); err == nil {
			t.Error("FetchSockets succeeded without Redis")
		}
		if local, err := a.io.Local().FetchSockets(t.Context()); err != nil || len(local) != 0 {
			t.Errorf("Local().FetchSockets = %v, %v", local, err)
		}
		if err := a.io.Emit("e", "not published"); err != nil {
			t.Errorf("Emit = %v", err)
		}
		r.start()
	}
	a.stopAndWait()
	b.stopAndWait()
	for _, s := range []*server{a, b} {
		// Connected, lost, connected, lost, connected; no state twice in a row.
		if len(s.states) != 5 {
			t.Fatalf("states %v, want 5", s.states)
		}
		for i, err := range s.states {
			if (err == nil) != (i%2 == 0) {
				t.Errorf("states %v: number %d is wrong", s.states, i)
			}
		}
	}
}

func TestIntegrationUnresponsiveRedisIsDisconnected(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, b := startConnectedServer(t, redisadapter.Options{URL: r.url(), QueueBytes: 100_000}), startConnectedServer(t, redisadapter.Options{URL: r.url()})
	a.awaitServerCount("/", 2)
	events := b.recordEvents("/", "hello")
	r.signal(syscall.SIGSTOP)
	began := time.Now()
	for i := range 10_000 {
		_ = a.io.ServerSideEmit("flood", i, "............................................................")
	}
	if took := time.Since(began); took > testTimeout/2 {
		t.Errorf("publishing took %v while Redis did not respond", took)
	}
	if s := a.redis.Stats(); s.QueuedBytes > 100_000 || s.Dropped == 0 {
		t.Errorf("Stats = %+v, want a queue below 100 000 bytes and dropped publications", s)
	}
	eventually(t, "loss", func() bool { return a.redis.Err() != nil })
	r.signal(syscall.SIGCONT)
	a.awaitServerCount("/", 2)
	b.awaitConnected()
	_ = a.io.ServerSideEmit("hello", 1)
	expectEvent(t, events, "[1]")
}

func TestIntegrationMalformedMessagesAreDroppedAndCounted(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, b := startConnectedServer(t, redisadapter.Options{URL: r.url(), MaxMessage: 1 << 20}), startConnectedServer(t, redisadapter.Options{URL: r.url()})
	a.awaitServerCount("/", 2)
	events := a.recordEvents("/", "hello")
	c := r.client()
	bad := redisadapter.Malformed()
	bad["too large"] = make([]byte, 1<<20+1)
	for name, m := range bad {
		before := a.redis.Stats().Malformed
		for _, channel := range []string{"socket.io#/#", "socket.io-request#/#", "socket.io-response#/#"} {
			if err := c.Do(t.Context(), c.B().Publish().Channel(channel).Message(string(m)).Build()).Error(); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "drops of "+name, func() bool { return a.redis.Stats().Malformed == before+3 })
	}
	_ = b.io.ServerSideEmit("hello", "after malformed messages")
	expectEvent(t, events, `["after malformed messages"]`)
	a.awaitServerCount("/", 2)
}

func TestIntegrationRunPublishesAndUnsubscribesAtTheEnd(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, b := startConnectedServer(t, redisadapter.Options{URL: r.url()}), startConnectedServer(t, redisadapter.Options{URL: r.url()})
	a.awaitServerCount("/", 2)
	events := b.recordEvents("/", "bye")
	_ = a.io.ServerSideEmit("bye")
	a.stopAndWait()
	expectEvent(t, events, "[]")
	if n, err := b.io.ServerCount(t.Context()); n != 1 || err != nil {
		t.Errorf("ServerCount = %d, %v after the other has ended, want 1", n, err)
	}
	if err := a.io.Emit("e"); err != nil {
		t.Errorf("Emit = %v after the end", err)
	}
	if a.redis.Err() == nil || a.redis.Stats().Connected {
		t.Error("connected after the end")
	}
}

func TestIntegrationSpecificResponsesUseThePrivateChannel(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	a, b := startConnectedServer(t, redisadapter.Options{URL: r.url()}), startConnectedServer(t, redisadapter.Options{URL: r.url(), SpecificResponses: true})
	a.awaitServerCount("/", 2)
	spy, release := r.client().Dedicate()
	defer release()
	answers := make(chan string, 100)
	spy.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) { answers <- m.Channel }})
	if err := spy.Do(t.Context(), spy.B().Psubscribe().Pattern("socket.io-response*").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*server{a, b} {
		if rooms, err := s.io.Adapter().(*redisadapter.Adapter).AllRooms(t.Context()); err != nil || len(rooms) != 0 {
			t.Errorf("AllRooms = %v, %v", rooms, err)
		}
		if sockets, err := s.io.FetchSockets(t.Context()); err != nil || len(sockets) != 0 {
			t.Errorf("FetchSockets = %v, %v", sockets, err)
		}
	}
	const general = "socket.io-response#/#"
	for i := range 4 {
		select {
		case channel := <-answers:
			if specific := len(channel) == len(general+"abcdef#"); specific != (i < 2) || !specific && channel != general {
				t.Errorf("response %d arrived on %s", i, channel)
			}
		case <-time.After(testTimeout):
			t.Fatal("a response is missing")
		}
	}
}

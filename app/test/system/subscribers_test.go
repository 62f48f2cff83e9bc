//go:build integration

package system_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/testkit/porttest"
)

// subscriber is a WebSocket client that is subscribed to one room and checks that the
// sequence numbers of the events have no gap.
type subscriber struct {
	conn *websocket.Conn
	room string

	received *atomic.Int64 // counts events other than snapshots, if not nil

	mu        sync.Mutex
	seq       uint64
	latest    map[string]float64 // by machine and metric
	err       error              // why the connection ended
	violation string             // the last violation of the protocol
	ended     chan struct{}
}

// subscribe connects a subscriber. buffer is the size of the socket's receive buffer;
// 0 means the kernel's default.
func subscribe(p *process, room string, buffer int) *subscriber {
	p.t.Helper()
	dialer := websocket.Dialer{HandshakeTimeout: waitTimeout, NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.DialTimeout(network, addr, waitTimeout)
		if err == nil && buffer > 0 {
			err = c.(*net.TCPConn).SetReadBuffer(buffer)
		}
		return c, err
	}}
	conn, _, err := dialer.Dial("ws://"+p.addr+"/ws", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	s := &subscriber{conn: conn, room: room, latest: map[string]float64{}, ended: make(chan struct{})}
	if err := conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"op":"subscribe","id":1,"rooms":[%q]}`, room)); err != nil {
		p.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(waitTimeout))
	if _, text, err := conn.ReadMessage(); err != nil || string(text) != `{"id":1,"ok":true}` {
		p.t.Fatalf("subscribe: %s %v", text, err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	return s
}

// readLoop applies events until the connection ends.
func (s *subscriber) readLoop() {
	defer close(s.ended)
	for {
		_, text, err := s.conn.ReadMessage()
		s.mu.Lock()
		if err != nil {
			s.err = err
			s.mu.Unlock()
			return
		}
		s.apply(text)
		s.mu.Unlock()
	}
}

func (s *subscriber) apply(text []byte) {
	var e struct {
		Event, Room string
		Seq         uint64
		Data        struct {
			Readings []struct {
				Machine, Metric string
				Value           float64
			}
		}
	}
	if err := json.Unmarshal(text, &e); err != nil || e.Room != s.room {
		s.violation = fmt.Sprintf("%.200s: %v", text, err)
		return
	}
	if e.Event != "snapshot" && e.Seq != s.seq+1 {
		s.violation = fmt.Sprintf("%s %d follows %d", e.Event, e.Seq, s.seq)
	}
	s.seq = e.Seq
	if e.Event != "snapshot" && s.received != nil {
		s.received.Add(1)
	}
	for _, r := range e.Data.Readings {
		s.latest[r.Machine+" "+r.Metric] = r.Value
	}
}

// latestOf returns the latest value of a series, given as "machine metric".
func (s *subscriber) latestOf(series string) (value float64, fault string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest[series], s.violation, s.err
}

// postReading posts the nth reading of a machine, with n as its value.
func postReading(p *process, c *client, machine string, n int) {
	p.t.Helper()
	body := fmt.Sprintf(`{"machine":%q,"ts":%d,"values":{"n":%d}}`, machine, 1_700_000_000_000+n, n)
	if status, text, err := c.do("POST", "/api/v1/telemetry", body); err != nil || status != http.StatusOK {
		p.t.Fatalf("POST /api/v1/telemetry = %d %s, %v, want 200", status, text, err)
	}
}

// Worker faults and reloads close no WebSocket. Every subscriber receives every event
// once and in order.
func TestWebSocketsSurviveWorkerFaults(t *testing.T) {
	const sockets = 2000
	p := start(t, t.TempDir(), "WORKER_MAX_RESTARTS=100000", "WORKER_MIN_UPTIME=10ms", "UPGRADE_RATE=100000", "REALTIME_INTERVAL=1ms")
	subscribers := make([]*subscriber, sockets)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := i; j < sockets; j += 16 {
				subscribers[j] = subscribe(p, []string{"all", "machine:m"}[j%2], 0)
			}
		})
	}
	wg.Wait()
	var seen atomic.Int64
	for _, s := range subscribers {
		s.received = &seen
		go s.readLoop() // ends with the connection
	}

	var stop atomic.Bool
	var faults sync.WaitGroup
	faults.Go(func() {
		for i := 0; !stop.Load(); i++ {
			switch i % 4 {
			case 0:
				p.injectFault("panic")
			case 1:
				p.injectFault("worker")
			case 2:
				p.injectWebSocketPanic()
			case 3:
				if out, code := p.runCommand("reload"); code != 0 {
					t.Errorf("reload = %d: %s", code, out)
				}
			}
		}
	})
	c := &client{addr: p.addr}
	defer c.close()
	// A newer reading replaces one that is still queued, so wait for each before the
	// next.
	last := 0
	for begin := time.Now(); time.Since(begin) < 4*time.Second || last < 50; {
		last++
		postReading(p, c, "m", last)
		p.eventually(fmt.Sprint("reading ", last, " at all subscribers"), func() bool { return seen.Load() == int64(last*sockets) })
	}
	stop.Store(true)
	faults.Wait()
	for i, s := range subscribers {
		if value, fault, err := s.latestOf("m n"); value != float64(last) || fault != "" || err != nil {
			t.Errorf("subscriber %d: value %v, violation %q, error %v, want value %d", i, value, fault, err, last)
		}
	}
}

// injectWebSocketPanic makes the handler of a new WebSocket panic.
func (p *process) injectWebSocketPanic() {
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+p.addr+"/api/faults/panic-ws", nil)
	if err != nil {
		p.t.Errorf("panic-ws: %v", err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.WriteMessage(websocket.TextMessage, []byte("x"))
	_ = conn.SetReadDeadline(time.Now().Add(waitTimeout))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseInternalServerErr) {
		p.t.Errorf("WebSocket whose handler panics closed with %v, want 1011", err)
	}
}

// Of 1000 subscribers 50 stop reading. They are closed with 1013 and counted. The
// others receive every event, in the same room and in another one, and resident
// memory does not grow.
func TestSlowSubscribersAreDisconnected(t *testing.T) {
	const sockets, slow, machines = 1000, 50, 100
	admin := fmt.Sprint("127.0.0.1:", porttest.ForTest(t))
	p := start(t, t.TempDir(), "UPGRADE_RATE=100000", "WRITE_TIMEOUT=1s", "ADMIN_ADDR="+admin, "REALTIME_INTERVAL=20ms")
	var good, bad []*subscriber
	for i := range sockets {
		if i%(sockets/slow) == 0 {
			bad = append(bad, subscribe(p, "all", 32<<10))
			continue
		}
		room := "all"
		if i%20 > 1 { // most are in a small room, to save CPU
			room = fmt.Sprint("machine:machine-", machines-1)
		}
		s := subscribe(p, room, 0)
		good = append(good, s)
		go s.readLoop() // ends with the connection
	}
	before := p.status().Memory.RSS
	adminClient := &client{addr: admin}
	defer adminClient.close()
	c := &client{addr: p.addr}
	defer c.close()
	series := fmt.Sprint("machine-", machines-1, " n")
	n := 0
	p.eventually("all slow subscribers counted as closed", func() bool {
		for i, s := range good { // do not outrun them, or they become slow as well
			value, fault, err := s.latestOf(series)
			if fault != "" || err != nil {
				t.Fatalf("subscriber %d: violation %q, error %v", i, fault, err)
			}
			if value < float64(n-20) {
				return false
			}
		}
		n++
		var body strings.Builder
		for m := range machines {
			fmt.Fprintf(&body, `{"machine":"machine-%d","ts":%d,"values":{"n":%d}}`+"\n", m, 1_700_000_000_000+n, n)
		}
		if status, text, err := c.do("POST", "/api/v1/telemetry", body.String()); err != nil || status != http.StatusOK {
			t.Fatalf("POST /api/v1/telemetry = %d %s, %v, want 200", status, text, err)
		}
		_, text, err := adminClient.do("GET", "/metrics", "")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(text, fmt.Sprintf("smartfactory_slow_clients_closed_total{transport=\"websocket\"} %d\n", slow))
	})
	if after := p.status().Memory.RSS; after > before+100<<20 {
		t.Errorf("resident memory grew from %d to %d MiB", before>>20, after>>20)
	}
	for _, s := range bad {
		go s.readLoop()
	}
	for i, s := range bad {
		<-s.ended
		if !websocket.IsCloseError(s.err, websocket.CloseTryAgainLater) {
			t.Errorf("slow subscriber %d closed with %v, want 1013", i, s.err)
		}
	}
	for i, s := range good {
		p.eventually(fmt.Sprint("the last value at subscriber ", i), func() bool {
			value, fault, err := s.latestOf(series)
			if fault != "" || err != nil {
				t.Fatalf("subscriber %d: violation %q, error %v", i, fault, err)
			}
			return value == float64(n)
		})
	}
}

// SIGTERM closes WebSockets with 1001 and answers pending polls with a close packet
// instead of waiting for them. After the restart the readings are still stored.
func TestShutdownTellsClientsToReconnect(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "SHUTDOWN_SPREAD=500ms", "SHUTDOWN_TIMEOUT=10m", "PING_INTERVAL=10m", "WORKER_STALL_AFTER=20m")
	c := &client{addr: p.addr}
	postReading(p, c, "m", 7)
	c.close()
	var subscribers []*subscriber
	for range 200 {
		s := subscribe(p, "machine:m", 0)
		subscribers = append(subscribers, s)
		go s.readLoop() // ends with the connection
	}
	polls := make(chan string, 20)
	for range cap(polls) {
		poll := &client{addr: p.addr}
		status, text, err := poll.do("GET", "/socket.io/?EIO=4&transport=polling", "")
		var open struct{ Sid string }
		if err != nil || status != http.StatusOK || json.Unmarshal([]byte(text[1:]), &open) != nil {
			t.Fatalf("handshake = %d %s %v", status, text, err)
		}
		go func() { // ends with the process at the latest
			_, text, err := poll.do("GET", "/socket.io/?EIO=4&transport=polling&sid="+open.Sid, "")
			if err != nil {
				text = err.Error()
			}
			poll.close()
			polls <- text
		}()
	}
	p.eventually("pending polls", func() bool {
		busy := 0
		for _, w := range p.status().Workers {
			busy += w.InFlight
		}
		return busy >= cap(polls)
	})
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 { // within the timeout only if it does not wait for the polls
		t.Errorf("exit code = %d, want 0", code)
	}
	for i, s := range subscribers {
		<-s.ended
		if !websocket.IsCloseError(s.err, websocket.CloseGoingAway) {
			t.Errorf("subscriber %d closed with %v, want 1001", i, s.err)
		}
	}
	for range cap(polls) {
		if text := <-polls; text != "1" {
			t.Errorf("pending poll = %q, want the close packet \"1\"", text)
		}
	}
	restarted := start(t, dir)
	s := subscribe(restarted, "machine:m", 0)
	go s.readLoop()
	restarted.eventually("the stored value at a new subscriber", func() bool {
		value, _, _ := s.latestOf("m n")
		return value == 7
	})
}

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

// screen is a client on a plain WebSocket that goes by the events' numbers.
type subscriber struct {
	conn *websocket.Conn
	room string

	received *atomic.Int64 // counts events but snapshots, of several screens; may be nil

	mu        sync.Mutex
	seq       uint64
	latest    map[string]float64 // by machine and metric
	err       error              // how it ended
	violation string
	ended     chan struct{}
}

// watch opens a screen; buffer, if it is not 0, is how much the kernel may
// receive ahead.
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

// follow reads until the connection ends.
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

// state returns what the screen has seen so far.
func (s *subscriber) latestOf(series string) (value float64, fault string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest[series], s.violation, s.err
}

// send posts a reading with a value that counts.
func postReading(p *process, c *client, machine string, n int) {
	p.t.Helper()
	body := fmt.Sprintf(`{"machine":%q,"ts":%d,"values":{"n":%d}}`, machine, 1_700_000_000_000+n, n)
	if status, text, err := c.do("POST", "/api/v1/telemetry", body); err != nil || status != http.StatusOK {
		p.t.Fatalf("telemetry = %d %s %v", status, text, err)
	}
}

// Whatever is done to the workers, no socket is dropped, and each sees every
// frame once and in order.
func TestWebSocketsSurviveWorkerFaults(t *testing.T) {
	const sockets = 2000
	p := start(t, t.TempDir(), "WORKER_MAX_RESTARTS=100000", "WORKER_MIN_UPTIME=10ms", "UPGRADE_RATE=100000", "REALTIME_INTERVAL=1ms")
	screens := make([]*subscriber, sockets)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := i; j < sockets; j += 16 {
				screens[j] = subscribe(p, []string{"all", "machine:m"}[j%2], 0)
			}
		})
	}
	wg.Wait()
	var seen atomic.Int64
	for _, s := range screens {
		s.received = &seen
		go s.readLoop() // ends with the connection
	}

	var stop atomic.Bool
	var storm sync.WaitGroup
	storm.Go(func() {
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
	// Telemetry that waits may be replaced by newer: the next one is sent when
	// everybody has seen the last.
	last := 0
	for begin := time.Now(); time.Since(begin) < 4*time.Second || last < 50; {
		last++
		postReading(p, c, "m", last)
		p.eventually(fmt.Sprint("reading ", last, " on all screens"), func() bool { return seen.Load() == int64(last*sockets) })
	}
	stop.Store(true)
	storm.Wait()
	for i, s := range screens {
		if value, fault, err := s.latestOf("m n"); value != float64(last) || fault != "" || err != nil {
			t.Errorf("screen %d shows %v of %d: %s, %v", i, value, last, fault, err)
		}
	}
}

// panicInSocket has the handler of another socket panic.
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
		p.t.Errorf("panic-ws ends with %v, want 1011", err)
	}
}

// Of 1000 screens 50 stop reading: they are sent off with 1013 and counted, the
// others see everything, whether in the same room or in another, and memory stays
// where it was.
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
		if i%20 > 1 { // most read what costs a test little
			room = fmt.Sprint("machine:machine-", machines-1)
		}
		s := subscribe(p, room, 0)
		good = append(good, s)
		go s.readLoop() // ends with the connection
	}
	before := p.status().Memory.RSS
	side := &client{addr: admin}
	defer side.close()
	c := &client{addr: p.addr}
	defer c.close()
	series := fmt.Sprint("machine-", machines-1, " n")
	n := 0
	p.eventually("slow screens counted", func() bool {
		for i, s := range good { // none may fall so far behind that it is slow itself
			value, fault, err := s.latestOf(series)
			if fault != "" || err != nil {
				t.Fatalf("screen %d: %s, %v", i, fault, err)
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
			t.Fatalf("telemetry = %d %s %v", status, text, err)
		}
		_, text, err := side.do("GET", "/metrics", "")
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
			t.Errorf("slow screen %d ends with %v, want 1013", i, s.err)
		}
	}
	for i, s := range good {
		p.eventually(fmt.Sprint("the last value on screen ", i), func() bool {
			value, fault, err := s.latestOf(series)
			if fault != "" || err != nil {
				t.Fatalf("screen %d: %s, %v", i, fault, err)
			}
			return value == float64(n)
		})
	}
}

// SIGTERM tells everybody to come back, however they are connected, and does
// not wait for polls; after the restart everything is there.
func TestShutdownTellsClientsToReconnect(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "SHUTDOWN_SPREAD=500ms", "SHUTDOWN_TIMEOUT=10m", "PING_INTERVAL=10m", "WORKER_STALL_AFTER=20m")
	c := &client{addr: p.addr}
	postReading(p, c, "m", 7)
	c.close()
	var screens []*subscriber
	for range 200 {
		s := subscribe(p, "machine:m", 0)
		screens = append(screens, s)
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
	p.eventually("polls waiting", func() bool {
		busy := 0
		for _, w := range p.status().Workers {
			busy += w.InFlight
		}
		return busy >= cap(polls)
	})
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 { // or it waits for the polls
		t.Errorf("exit code = %d, want 0", code)
	}
	for i, s := range screens {
		<-s.ended
		if !websocket.IsCloseError(s.err, websocket.CloseGoingAway) {
			t.Errorf("screen %d ends with %v, want 1001", i, s.err)
		}
	}
	for range cap(polls) {
		if text := <-polls; text != "1" {
			t.Errorf("a poll is answered %q, want the close packet", text)
		}
	}
	again := start(t, dir)
	s := subscribe(again, "machine:m", 0)
	go s.readLoop()
	again.eventually("the value on a screen that came back", func() bool {
		value, _, _ := s.latestOf("m n")
		return value == 7
	})
}

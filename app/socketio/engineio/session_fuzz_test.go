package engineio_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

// FuzzSession checks that, whatever client and server do in whatever order, every
// request is answered, Closed is the last call of the receiver and made once, no
// message is delivered twice, and the session can be closed.
func FuzzSession(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		seed := make([]byte, 4+random.IntN(12))
		for i := range seed {
			seed[i] = byte(random.IntN(256))
		}
		f.Add(seed)
	}
	f.Add([]byte{0, 5, 6, 11, 0, 7, 11, 8, 8, 4})
	f.Add([]byte{5, 6, 13, 7})
	f.Add([]byte{5, 6, 11, 4, 0, 7})
	f.Add([]byte{0, 0, 11, 0})
	f.Add([]byte{11, 16, 11, 0})
	f.Add([]byte{5, 6, 16, 7, 8})
	ts := startServer(f, engineio.Options{QueueLimit: 200})
	f.Fuzz(func(t *testing.T, steps []byte) {
		ts.t = t
		defer func() { ts.t = f }()
		newFuzzRun(t, ts).run(steps[:min(len(steps), 20)])
	})
}

// fuzzRun runs the steps of one input on a session.
type fuzzRun struct {
	t     *testing.T
	ts    *testServer
	s     *testReceiver
	tasks sync.WaitGroup
	wires []*websocket.Conn
	sent  int

	mu     sync.Mutex
	seen   map[string]bool
	faults []string
}

func newFuzzRun(t *testing.T, ts *testServer) *fuzzRun {
	q := &fuzzRun{t: t, ts: ts, seen: map[string]bool{}}
	q.s = ts.session(ts.open())
	return q
}

func (q *fuzzRun) fault(format string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.faults = append(q.faults, fmt.Sprintf(format, args...))
}

// recordPayload records the messages that the client has received.
func (q *fuzzRun) recordPayload(payload string) {
	for _, text := range texts(payload) {
		q.mu.Lock()
		if q.seen[text] && strings.HasPrefix(text, "s") {
			q.faults = append(q.faults, text+" received twice")
		}
		q.seen[text] = true
		q.mu.Unlock()
	}
}

func (q *fuzzRun) request(method, body string) {
	a, err := q.ts.request(method, pollingQuery+"&sid="+q.s.ID(), body)
	if err != nil || a.status != 200 && a.status != 400 {
		q.fault("%s: %d %s, %v", method, a.status, a.body, err)
	}
	if method == "GET" && a.status == 200 {
		q.recordPayload(a.body)
	}
}

// abandonPoll sends a poll and disconnects.
func (q *fuzzRun) abandonPoll() {
	c, err := net.Dial("tcp", q.ts.addr)
	if err != nil {
		q.fault("dial: %v", err)
		return
	}
	fmt.Fprintf(c, "GET /?%s&sid=%s HTTP/1.1\r\nHost: test\r\n\r\n", pollingQuery, q.s.ID())
	_ = c.Close()
}

func (q *fuzzRun) dial() {
	c, _, err := websocket.DefaultDialer.Dial("ws://"+q.ts.addr+"/?EIO=4&transport=websocket&sid="+q.s.ID(), nil)
	if err != nil {
		return // the session has ended
	}
	q.wires = append(q.wires, c)
	q.tasks.Go(func() {
		_ = c.SetReadDeadline(time.Now().Add(testTimeout))
		for {
			_, data, err := c.ReadMessage()
			if err != nil {
				return
			}
			q.recordPayload(string(data))
		}
	})
}

func (q *fuzzRun) sendPacket(packet string) {
	if n := len(q.wires); n > 0 {
		_ = q.wires[n-1].WriteMessage(websocket.TextMessage, []byte(packet))
	}
}

func (q *fuzzRun) step(b byte) {
	switch b % 17 {
	case 0:
		q.tasks.Go(func() { q.request("GET", "") })
	case 1:
		q.request("POST", "4a\x1ebAQID")
	case 2:
		q.request("POST", "3\x1e6")
	case 3:
		q.request("POST", "4b\x1e\x1e")
	case 4:
		q.request("POST", "4c\x1e1\x1e4d")
	case 5:
		q.dial()
	case 6:
		q.sendPacket("2probe")
	case 7:
		q.sendPacket("5")
	case 8:
		q.sendPacket("4x")
	case 9:
		q.sendPacket("x")
	case 10:
		if n := len(q.wires); n > 0 {
			_ = q.wires[n-1].NetConn().Close()
		}
	case 11:
		q.sent++
		_ = q.s.Send(text(fmt.Sprintf("s%d", q.sent)))
	case 12:
		q.sent++
		_ = q.s.SendLatest(1, text(fmt.Sprintf("s%d", q.sent)))
	case 13:
		q.s.Close("closed by the server")
	case 14:
		q.tasks.Go(func() { q.request("POST", "4e") })
	case 15:
		q.sendPacket("1")
	case 16:
		q.abandonPoll()
	}
}

func (q *fuzzRun) run(steps []byte) {
	for _, b := range steps {
		q.step(b)
	}
	q.s.Close(engineio.ForcedClose)
	deadline := time.Now().Add(testTimeout)
	for q.ts.server.HasSession(q.s.ID()) && time.Now().Before(deadline) {
		q.request("GET", "") // fetches the close packet
	}
	for _, c := range q.wires {
		_ = c.NetConn().Close()
	}
	q.tasks.Wait()
	receive(q.t, q.s.closed)
	if len(q.s.closed) > 0 {
		q.fault("Closed was called twice")
	}
	if q.ts.server.HasSession(q.s.ID()) {
		q.fault("the session is not removed")
	}
	for _, fault := range q.faults {
		q.t.Errorf("%v: %s", steps, fault)
	}
}

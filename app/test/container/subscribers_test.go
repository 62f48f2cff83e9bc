//go:build container || kube

package container_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// subscribers are WebSocket clients of /ws that subscribe to the room all and reconnect
// when they are disconnected.
type subscribers struct {
	stop   context.CancelFunc
	ctx    context.Context //nolint:containedctx // ends the sessions
	wg     sync.WaitGroup
	mu     sync.Mutex
	codes  map[int]int // count of each close code; 1006 means none was received
	opened int
	events int
	open   int
}

func startSubscribers(addr, key string, n int) *subscribers {
	s := &subscribers{codes: map[int]int{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for range n {
		s.wg.Go(func() { s.run(addr, key) })
	}
	return s
}

func (s *subscribers) run(addr, key string) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for s.ctx.Err() == nil {
		s.session(addr, key)
		select {
		case <-again.C:
		case <-s.ctx.Done():
		}
	}
}

func (s *subscribers) session(addr, key string) {
	header := http.Header{}
	if key != "" {
		header.Set("Authorization", "Bearer "+key)
	}
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
	conn, resp, err := dialer.DialContext(s.ctx, "ws://"+addr+"/ws", header)
	if resp != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return // the server is down or draining; run tries again
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(s.ctx, func() { _ = conn.Close() })()
	s.count(func() { s.opened++; s.open++ })
	defer s.count(func() { s.open-- })
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"subscribe","id":1,"rooms":["all"]}`)); err != nil {
		return
	}
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			if s.ctx.Err() == nil {
				code := websocket.CloseAbnormalClosure
				if e, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // it is returned as it is
					code = e.Code
				}
				s.count(func() { s.codes[code]++ })
			}
			return
		}
		s.count(func() { s.events++ })
	}
}

func (s *subscribers) count(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// counts returns the number of open connections and of events received in total.
func (s *subscribers) counts() (open, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.events
}

// stopAndReport disconnects all and returns the count of each close code received.
func (s *subscribers) stopAndReport(t *testing.T) map[int]int {
	t.Helper()
	s.stop()
	s.wg.Wait()
	t.Logf("%d sessions opened, %d events, closed with %v", s.opened, s.events, s.codes)
	return s.codes
}

// socketIOClients are official Socket.IO clients in a Node.js process, which reconnect.
// Half use polling only, half WebSocket.
type socketIOClients struct {
	cmd   *exec.Cmd
	ended chan struct{}
	mu    sync.Mutex
	state map[string]clientState
}

type clientState struct {
	Client     string `json:"client"`
	Connected  bool   `json:"connected"`
	Connects   int    `json:"connects"`
	Subscribed int    `json:"subscribed"`
	Events     int    `json:"events"`
	Reason     string `json:"reason"`
}

// transport returns the transport of the client.
func (s clientState) transport() string { return strings.Fields(s.Client)[0] }

func startSocketIOClients(t *testing.T, addr, key string, n int) *socketIOClients {
	t.Helper()
	p := &socketIOClients{ended: make(chan struct{}), state: map[string]clientState{}}
	p.cmd = exec.Command("node", "socketio-clients.js", "http://"+addr, key, fmt.Sprint(n))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		defer close(p.ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var s clientState
			if json.Unmarshal(lines.Bytes(), &s) == nil {
				p.mu.Lock()
				p.state[s.Client] = s
				p.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		_ = p.cmd.Wait()
	})
	return p
}

// all reports whether condition is true for exactly n clients.
func (p *socketIOClients) all(n int, condition func(s clientState) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for _, s := range p.state {
		if condition(s) {
			count++
		}
	}
	return count == n
}

func (p *socketIOClients) snapshot() map[string]clientState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.state)
}

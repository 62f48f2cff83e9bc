//go:build integration

package system_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// A port that systemd keeps open is handed from one process to the next, and
// nobody who connects in between is turned away: they wait. WebSockets are told
// to come back.
func TestSocketActivationQueuesConnectionsDuringRestarts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	addr, dir := l.Addr().String(), t.TempDir()
	sent := &acknowledgedReadings{last: map[string]int{}}
	begin := func() *process {
		// The shell knows its own pid, which is the server's after exec.
		cmd := exec.Command("sh", "-c", "LISTEN_PID=$$ exec "+binary)
		cmd.ExtraFiles = []*os.File{socket}
		p := launchCommand(t, cmd, environment(t, dir, l.Addr().(*net.TCPAddr).Port, "LISTEN_FDS=1", "LISTEN_FDNAMES=http", "SHUTDOWN_SPREAD=100ms"))
		p.addr = addr
		p.eventually("readiness", func() bool {
			resp, err := http.Get("http://" + addr + "/api/health/ready")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
		return p
	}
	p := begin()
	ingest := startLoad(addr, 16, nil, sent.postNext)
	for round := range 5 {
		before := ingest.served.Load()
		p.eventually("readings under way", func() bool { return ingest.served.Load() > before+200 })
		screens := make([]*subscriber, 8)
		for i := range screens {
			screens[i] = subscribe(p, "all", 0)
			go screens[i].readLoop() // ends with the connection
		}
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Fatalf("round %d: exit code = %d, want 0", round, code)
		}
		for _, s := range screens {
			<-s.ended
			if !websocket.IsCloseError(s.err, websocket.CloseGoingAway) {
				t.Errorf("round %d: a WebSocket ended with %v, want 1001", round, s.err)
			}
		}
		early := make([]*client, 8) // nobody serves now
		for i := range early {
			early[i] = sendHealthRequest(t, addr)
		}
		p = begin()
		for _, c := range early {
			if resp, err := http.ReadResponse(c.br, nil); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("round %d: who asked between two processes = %v %v, want 200", round, resp, err)
			}
			c.close()
		}
	}
	before := ingest.served.Load()
	p.eventually("readings after the last restart", func() bool { return ingest.served.Load() > before+200 })
	ingest.stopAndCheck(t)
	sent.checkStored(p)
	t.Logf("%d readings over five restarts", ingest.served.Load())
}

// ask sends a request for the health over a connection of its own, and leaves
// the answer to be read.
func sendHealthRequest(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, waitTimeout)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(waitTimeout))
	}
	if err == nil {
		_, err = io.WriteString(conn, "GET /api/health HTTP/1.1\r\nHost: test\r\n\r\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	return &client{addr: addr, conn: conn, br: bufio.NewReader(conn)}
}

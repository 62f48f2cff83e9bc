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

// A listening socket of systemd is passed from one process to the next. Clients that
// connect in between wait in its queue and are served by the next process.
// WebSockets are closed with 1001.
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
	readings := &acknowledgedReadings{last: map[string]int{}}
	startOnSocket := func() *process {
		// LISTEN_PID must be the server's pid, which is the shell's before exec.
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
	p := startOnSocket()
	load := startLoad(addr, 16, nil, readings.postNext)
	for round := range 5 {
		before := load.served.Load()
		p.eventually("readings accepted", func() bool { return load.served.Load() > before+200 })
		subscribers := make([]*subscriber, 8)
		for i := range subscribers {
			subscribers[i] = subscribe(p, "all", 0)
			go subscribers[i].readLoop() // ends with the connection
		}
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Fatalf("round %d: exit code = %d, want 0", round, code)
		}
		for _, s := range subscribers {
			<-s.ended
			if !websocket.IsCloseError(s.err, websocket.CloseGoingAway) {
				t.Errorf("round %d: WebSocket closed with %v, want 1001", round, s.err)
			}
		}
		queued := make([]*client, 8) // no process is running now
		for i := range queued {
			queued[i] = sendHealthRequest(t, addr)
		}
		p = startOnSocket()
		for _, c := range queued {
			if resp, err := http.ReadResponse(c.br, nil); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("round %d: GET /api/health queued between two processes = %v, %v, want 200", round, resp, err)
			}
			c.close()
		}
	}
	before := load.served.Load()
	p.eventually("readings accepted after the last restart", func() bool { return load.served.Load() > before+200 })
	load.stopAndCheck(t)
	readings.checkStored(p)
	t.Logf("%d readings over five restarts", load.served.Load())
}

// sendHealthRequest sends GET /api/health over a new connection and does not read
// the response.
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

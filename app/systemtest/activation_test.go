//go:build integration

package systemtest_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// A port that systemd keeps open is handed from one process to the next, and
// nobody who connects in between is turned away: they wait.
func TestSocketActivationOverRestarts(t *testing.T) {
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
	sent := &acknowledged{max: map[string]int{}}
	begin := func() *process {
		// The shell knows its own pid, which is the server's after exec.
		cmd := exec.Command("sh", "-c", "LISTEN_PID=$$ exec "+binary)
		cmd.ExtraFiles = []*os.File{socket}
		p := launchCommand(t, cmd, environment(t, dir, l.Addr().(*net.TCPAddr).Port, "LISTEN_FDS=1", "LISTEN_FDNAMES=http"))
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
	ingest := gather(addr, 16, nil, sent.send)
	for round := range 5 {
		before := ingest.served.Load()
		p.eventually("readings under way", func() bool { return ingest.served.Load() > before+200 })
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Fatalf("round %d: exit code = %d, want 0", round, code)
		}
		p = begin()
	}
	before := ingest.served.Load()
	p.eventually("readings after the last restart", func() bool { return ingest.served.Load() > before+200 })
	ingest.leave(t)
	sent.check(p)
	t.Logf("%d readings over five restarts", ingest.served.Load())
}

//go:build integration

package system_test

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"smart-factory-backend/app/testkit/porttest"
)

// startRedis runs a server of the test's own on a port, until the test ends or
// the returned function is called.
func startRedis(t *testing.T, p func(what string, done func() bool), port int) (stop func()) {
	t.Helper()
	cmd := exec.Command("redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	p("redis", func() bool {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return stop
}

// Two replicas share their rooms over Redis. While it is away each serves its
// own clients and says degraded; afterwards they share again.
func TestReplicasShareRoomsOverRedis(t *testing.T) {
	port := porttest.ForTest(t)
	url := fmt.Sprint("REDIS_URL=redis://127.0.0.1:", port)
	wait := func(what string, done func() bool) {
		t.Helper()
		(&process{t: t, ended: make(chan struct{})}).eventually(what, done)
	}
	stop := startRedis(t, wait, port)
	a := start(t, t.TempDir(), url)
	b := start(t, t.TempDir(), url)
	clients := map[*process]*client{a: {addr: a.addr}, b: {addr: b.addr}}
	for _, c := range clients {
		defer c.close()
	}
	own, other := subscribe(a, "machine:m", 0), subscribe(b, "machine:m", 0)
	go own.readLoop() // end with their connections
	go other.readLoop()
	n := 0
	shows := func(s *subscriber, from *process, what string) {
		t.Helper()
		before := n
		wait(what, func() bool { // a wish for a room takes its time to be heard of
			n++
			postReading(from, clients[from], "m", n)
			value, _, err := s.latestOf("m n")
			if err != nil {
				t.Fatal(err)
			}
			return value > float64(before)
		})
	}
	shows(other, a, "a's reading at b")
	shows(own, b, "b's reading at a")

	stop()
	for _, p := range []*process{a, b} {
		p.eventually("degraded", func() bool {
			status, body := p.get("/api/health")
			ready, _ := p.get("/api/health/ready")
			return status == http.StatusOK && strings.Contains(body, `"status":"degraded"`) && strings.Contains(body, `"redis":"failing"`) &&
				ready == http.StatusServiceUnavailable
		})
	}
	n += 1000
	postReading(a, clients[a], "m", n)
	wait("a's own client is served", func() bool { value, _, _ := own.latestOf("m n"); return value == float64(n) })
	if value, _, _ := other.latestOf("m n"); value == float64(n) {
		t.Error("b shows a's reading without Redis: the test shows nothing")
	}

	startRedis(t, wait, port)
	for _, p := range []*process{a, b} {
		p.eventually("ok again", func() bool {
			_, body := p.get("/api/health")
			return strings.Contains(body, `"status":"ok"`)
		})
	}
	n += 1000
	wait("a's reading at b again", func() bool {
		n++
		postReading(a, clients[a], "m", n)
		value, _, _ := other.latestOf("m n")
		return value > float64(n-500)
	})
	for name, s := range map[string]*subscriber{"a": own, "b": other} {
		if _, fault, err := s.latestOf("m n"); fault != "" || err != nil {
			t.Errorf("the screen at %s: %s, %v", name, fault, err)
		}
	}
}

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

// startRedis runs a Redis server on port until the test ends or stop is called.
func startRedis(t *testing.T, wait func(what string, done func() bool), port int) (stop func()) {
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
	wait("redis", func() bool {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return stop
}

// Two replicas share their rooms over Redis. During an outage of Redis each serves its
// own clients and reports degraded. Afterwards they share their rooms again.
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
	atA, atB := subscribe(a, "machine:m", 0), subscribe(b, "machine:m", 0)
	go atA.readLoop() // both end with their connections
	go atB.readLoop()
	n := 0
	expectNext := func(s *subscriber, from *process, what string) {
		t.Helper()
		before := n
		wait(what, func() bool { // the other replica subscribes to the room with a delay
			n++
			postReading(from, clients[from], "m", n)
			value, _, err := s.latestOf("m n")
			if err != nil {
				t.Fatal(err)
			}
			return value > float64(before)
		})
	}
	expectNext(atB, a, "a's reading at b")
	expectNext(atA, b, "b's reading at a")

	stop()
	for _, p := range []*process{a, b} {
		p.eventually("degraded", func() bool {
			status, body := p.get("/api/health")
			ready, _ := p.get("/api/health/ready")
			return status == http.StatusOK && strings.Contains(body, `"status":"degraded"`) && strings.Contains(body, `"redis":"failing"`) &&
				ready == http.StatusOK // all replicas share Redis: none may leave the Service for it
		})
	}
	n += 1000
	postReading(a, clients[a], "m", n)
	wait("a's reading at a's subscriber", func() bool { value, _, _ := atA.latestOf("m n"); return value == float64(n) })
	if value, _, _ := atB.latestOf("m n"); value == float64(n) {
		t.Error("b received a's reading without Redis, so the test checks nothing")
	}

	startRedis(t, wait, port)
	for _, p := range []*process{a, b} {
		p.eventually("health ok after the outage", func() bool {
			_, body := p.get("/api/health")
			return strings.Contains(body, `"status":"ok"`)
		})
	}
	n += 1000
	wait("a's reading at b after the outage", func() bool {
		n++
		postReading(a, clients[a], "m", n)
		value, _, _ := atB.latestOf("m n")
		return value > float64(n-500)
	})
	for name, s := range map[string]*subscriber{"a": atA, "b": atB} {
		if _, fault, err := s.latestOf("m n"); fault != "" || err != nil {
			t.Errorf("subscriber at %s: violation %q, error %v", name, fault, err)
		}
	}
}

//go:build container

package container_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// project is a running Compose project of docker-compose.yml with its own ports.
type project struct {
	t    *testing.T
	name string
	args []string
}

// composeUp starts the services and profiles in args until the test ends.
func composeUp(t *testing.T, args ...string) *project {
	t.Helper()
	p := &project{t: t, name: fmt.Sprint("factorytest", time.Now().UnixNano()%100000)}
	for _, a := range args {
		if strings.HasPrefix(a, "--profile") {
			p.args = append(p.args, strings.Split(a, "=")...)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := p.try("logs", "--tail", "30")
			t.Log(log)
		}
		p.args = []string{"--profile", "scale", "--profile", "embedded"}
		p.run("down", "-v", "-t", "45")
	})
	command := []string{"up", "-d", "--no-build"}
	for _, a := range args {
		if !strings.HasPrefix(a, "--profile") {
			command = append(command, a)
		}
	}
	p.run(command...)
	return p
}

func (p *project) try(args ...string) (string, int) {
	p.t.Helper()
	return runAnyExit(p.t, p.command()[0], append(p.command()[1:], args...)...)
}

// command returns the Compose command line of this project.
func (p *project) command() []string {
	command := strings.Fields(os.Getenv("COMPOSE"))
	if len(command) == 0 {
		command = []string{"docker", "compose"}
	}
	return append(append(command, "-p", p.name, "-f", "../../../docker-compose.yml"), p.args...)
}

func (p *project) run(args ...string) string {
	p.t.Helper()
	return output(p.t, p.command()[0], append(p.command()[1:], args...)...)
}

// id returns the container of a service, which must be running, because Compose 2 does not
// list stopped ones.
func (p *project) id(service string) string {
	p.t.Helper()
	ids := strings.Fields(p.run("ps", "-q", service))
	if len(ids) != 1 {
		p.t.Fatalf("%d containers of %s, want one", len(ids), service)
	}
	return ids[0]
}

// addr returns the loopback address where a port of a service is published.
func (p *project) addr(service, port string) string {
	p.t.Helper()
	published := p.run("port", service, port)
	return "127.0.0.1" + published[strings.LastIndex(published, ":"):]
}

// key reads the generated API key with the command from the manual.
func (p *project) key() string {
	p.t.Helper()
	out := p.run("run", "--rm", "-T", "secrets", "cat", "/run/secrets/API_KEYS")
	secret := secretOf(out[strings.Index(out, "admin:"):])
	if len(secret) < 32 {
		p.t.Fatalf("API_KEYS = %q, want a generated key", out)
	}
	return secret
}

func TestComposeEmbedded(t *testing.T) {
	extraEnv = []string{"EMBEDDED_PORT=127.0.0.1:"}
	p := composeUp(t, "embedded")
	if p.run("ps", "-q", "postgres") != "" {
		t.Error("the profile embedded starts PostgreSQL")
	}
	addr, key := p.addr("embedded", "3000"), p.key()
	eventually(t, "readiness", func() bool { return respondsOK(addr, "/api/health/ready") })
	w := startLoad(addr, key, "m", 4)
	w.waitForMore(t, 50)
	if lost := w.stopAndReport(t); len(lost) > 0 {
		t.Errorf("%d requests failed, the first: %v", len(lost), lost[0])
	}
	p.run("restart", "-t", "45", "embedded")
	addr = p.addr("embedded", "3000")
	eventually(t, "readiness", func() bool { return respondsOK(addr, "/api/health/ready") })
	w.checkStored(t, addr)
}

func TestComposeWithStores(t *testing.T) {
	extraEnv = []string{"PORT=127.0.0.1:"}
	p := composeUp(t)
	addr, key := p.addr("backend", "3000"), p.key()
	eventually(t, "readiness", func() bool { return respondsOK(addr, "/api/health/ready") })
	if status, body, err := request(addr, "", "GET", "/api/v1/latest", ""); err != nil || status != http.StatusUnauthorized {
		t.Errorf("GET /api/v1/latest without a key = %d %s, %v, want 401", status, body, err)
	}
	w := startLoad(addr, key, "m", 4)
	w.waitForMore(t, 50)
	// After down and up the passwords and the readings are still there.
	if lost := w.stopAndReport(t); len(lost) > 0 {
		t.Errorf("%d requests failed, the first: %v", len(lost), lost[0])
	}
	p.run("down", "-t", "60")
	p.run("up", "-d", "--no-build")
	addr = p.addr("backend", "3000")
	eventually(t, "readiness", func() bool { return respondsOK(addr, "/api/health/ready") })
	w.checkStored(t, addr)
}

// When a replica is killed, only its requests in flight fail: the other replicas serve, no
// acknowledged reading is lost, and every client reconnects.
func TestComposeScaleSurvivesKilledReplicas(t *testing.T) {
	extraEnv = []string{"PORT=127.0.0.1:", "SCALE_PORT=127.0.0.1:"}
	p := composeUp(t, "--profile=scale")
	addr, key := p.addr("nginx", "8080"), p.key()
	eventually(t, "readiness", func() bool { return respondsOK(addr, "/api/health/ready") })
	const sockets, clientCount = 30, 8
	s := startSubscribers(addr, key, sockets)
	clients := startSocketIOClients(t, addr, key, clientCount)
	w := startLoad(addr, key, "m", 12)
	subscribed := func(s clientState) bool { return s.Connected && s.Subscribed > 0 && s.Events > 0 }
	eventually(t, "Socket.IO clients", func() bool { return clients.all(clientCount, subscribed) })
	eventually(t, "subscribers", func() bool { n, events := s.counts(); return n == sockets && events > 0 })
	w.waitForMore(t, 100)
	if lost := w.failedRequests(); len(lost) > 0 {
		t.Errorf("request failed before a replica was killed: %v", lost[0])
	}

	for _, replica := range []string{"backend-2", "backend-3", "backend"} {
		before, id := len(w.failedRequests()), p.id(replica)
		docker(t, "kill", id)
		w.waitForMore(t, 200) // from the other replicas
		docker(t, "start", id)
		eventually(t, replica+" healthy", func() bool {
			return docker(t, "inspect", "-f", "{{.State.Health.Status}}", id) == "healthy"
		})
		// Each of the 12 machines may have had one request in flight.
		if lost := w.failedRequests()[before:]; len(lost) > 12 {
			t.Errorf("%s killed: %d requests failed, want at most 12, the first: %v", replica, len(lost), lost[0])
		}
		eventually(t, "reconnected subscribers", func() bool { n, _ := s.counts(); return n == sockets })
		eventually(t, "reconnected Socket.IO clients", func() bool {
			return clients.all(clientCount, func(s clientState) bool { return s.Connected && s.Subscribed == s.Connects })
		})
	}
	reconnects := map[string]int{}
	for _, state := range clients.snapshot() {
		reconnects[state.transport()] += state.Connects - 1
	}
	if reconnects["polling"] == 0 || reconnects["websocket"] == 0 {
		t.Errorf("reconnects of Socket.IO clients by transport = %v: one was never disconnected, so the test checks nothing", reconnects)
	}
	t.Logf("reconnects of Socket.IO clients: %v", reconnects)

	// A graceful stop fails no request.
	before, id := len(w.failedRequests()), p.id("backend-2")
	docker(t, "stop", "-t", "45", id)
	w.waitForMore(t, 100)
	if lost := w.failedRequests()[before:]; len(lost) > 0 {
		t.Errorf("a replica stopped gracefully: %d requests failed, the first: %v", len(lost), lost[0])
	}
	docker(t, "start", id)
	w.stopAndReport(t)
	s.stopAndReport(t)
	w.checkStored(t, addr)
}

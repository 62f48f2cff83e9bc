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

// project is one run of docker-compose.yml on ports of its own.
type project struct {
	t    *testing.T
	name string
	args []string
}

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

// command is how Compose is called for this project.
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

// id returns the container of a service, which must be running: Compose 2 does
// not list others.
func (p *project) id(service string) string {
	p.t.Helper()
	ids := strings.Fields(p.run("ps", "-q", service))
	if len(ids) != 1 {
		p.t.Fatalf("%d containers of %s, want one", len(ids), service)
	}
	return ids[0]
}

// addr returns where a port of a service is published, on loopback.
func (p *project) addr(service, port string) string {
	p.t.Helper()
	published := p.run("port", service, port)
	return "127.0.0.1" + published[strings.LastIndex(published, ":"):]
}

// key returns the generated key, by the command from the manual.
func (p *project) key() string {
	p.t.Helper()
	out := p.run("run", "--rm", "-T", "secrets", "cat", "/run/secrets/API_KEYS")
	secret := secretOf(out[strings.Index(out, "admin:"):])
	if len(secret) < 32 {
		p.t.Fatalf("API_KEYS = %q, want a made-up key", out)
	}
	return secret
}

func TestComposeEmbedded(t *testing.T) {
	extraEnv = []string{"EMBEDDED_PORT=127.0.0.1:"}
	p := composeUp(t, "embedded")
	if p.run("ps", "-q", "postgres") != "" {
		t.Error("embedded brings PostgreSQL")
	}
	addr, key := p.addr("embedded", "3000"), p.key()
	eventually(t, "readiness", func() bool { return respondsOK(addr, "/api/health/ready") })
	w := startLoad(addr, key, "m", 4)
	w.waitForMore(t, 50)
	if lost := w.stopAndReport(t); len(lost) > 0 {
		t.Errorf("lost: %v", lost[0])
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
		t.Errorf("without a key: %d %s %v, want 401", status, body, err)
	}
	w := startLoad(addr, key, "m", 4)
	w.waitForMore(t, 50)
	// The whole of it again: the passwords and the readings stay.
	if lost := w.stopAndReport(t); len(lost) > 0 {
		t.Errorf("lost: %v", lost[0])
	}
	p.run("down", "-t", "60")
	p.run("up", "-d", "--no-build")
	addr = p.addr("backend", "3000")
	eventually(t, "readiness", func() bool { return respondsOK(addr, "/api/health/ready") })
	w.checkStored(t, addr)
}

// A replica that is killed costs what was under way on it: the others serve,
// nothing that was acknowledged is lost, and every client comes back by itself.
func TestComposeScaleSurvivesKilledReplicas(t *testing.T) {
	extraEnv = []string{"PORT=127.0.0.1:", "SCALE_PORT=127.0.0.1:"}
	p := composeUp(t, "--profile=scale")
	addr, key := p.addr("nginx", "8080"), p.key()
	eventually(t, "readiness", func() bool { return respondsOK(addr, "/api/health/ready") })
	const sockets, clients = 30, 8
	s := startSubscribers(addr, key, sockets)
	pages := startSocketIOClients(t, addr, key, clients)
	w := startLoad(addr, key, "m", 12)
	subscribed := func(s clientState) bool { return s.Connected && s.Subscribed > 0 && s.Events > 0 }
	eventually(t, "Socket.IO clients", func() bool { return pages.all(clients, subscribed) })
	eventually(t, "screens", func() bool { n, events := s.counts(); return n == sockets && events > 0 })
	w.waitForMore(t, 100)
	if lost := w.failedRequests(); len(lost) > 0 {
		t.Errorf("lost before anything was killed: %v", lost[0])
	}

	for _, replica := range []string{"backend-2", "backend-3", "backend"} {
		before, id := len(w.failedRequests()), p.id(replica)
		docker(t, "kill", id)
		w.waitForMore(t, 200) // the others serve
		docker(t, "start", id)
		eventually(t, replica+" healthy", func() bool {
			return docker(t, "inspect", "-f", "{{.State.Health.Status}}", id) == "healthy"
		})
		// One request of each machine may have been under way.
		if lost := w.failedRequests()[before:]; len(lost) > 12 {
			t.Errorf("%s killed: %d requests lost, the first: %v", replica, len(lost), lost[0])
		}
		eventually(t, "screens back", func() bool { n, _ := s.counts(); return n == sockets })
		eventually(t, "Socket.IO clients back", func() bool {
			return pages.all(clients, func(s clientState) bool { return s.Connected && s.Subscribed == s.Connects })
		})
	}
	again := map[string]int{}
	for _, state := range pages.snapshot() {
		again[state.transport()] += state.Connects - 1
	}
	if again["polling"] == 0 || again["websocket"] == 0 {
		t.Errorf("Socket.IO clients came back %v times: one kind was never disconnected, so the test shows nothing", again)
	}
	t.Logf("Socket.IO clients came back %v times", again)

	// An orderly stop costs nothing at all.
	before, id := len(w.failedRequests()), p.id("backend-2")
	docker(t, "stop", "-t", "45", id)
	w.waitForMore(t, 100)
	if lost := w.failedRequests()[before:]; len(lost) > 0 {
		t.Errorf("a replica stopped in good order: %d requests lost, the first: %v", len(lost), lost[0])
	}
	docker(t, "start", id)
	w.stopAndReport(t)
	s.stopAndReport(t)
	w.checkStored(t, addr)
}

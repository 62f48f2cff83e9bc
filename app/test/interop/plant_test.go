//go:build integration

package interop_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The keys of the tests that are about who may do what.
const (
	readerKey = "reader-of-the-tests"
	gateKey   = "gate-of-the-tests"
	keys      = "viewer:read:" + readerKey + ",gate:ingest:" + gateKey
)

// backend starts the product.
func backend(t *testing.T, env ...string) *process {
	t.Helper()
	sockets, err := os.MkdirTemp("", "s") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	dir := t.TempDir()
	p := &process{name: "backend", port: freePort(t)}
	p.make = func() *exec.Cmd {
		cmd := exec.Command(backendBinary)
		cmd.Env = environment(append([]string{
			"PORT=" + p.port, "DATA_DIR=" + dir, "ADMIN_ADDR=", "CONTROL_SOCKET=" + filepath.Join(sockets, "c"),
			"FAULT_INJECTION=true", "CLUSTER_WORKERS=2", "GOMAXPROCS=2", "SHUTDOWN_SPREAD=100ms",
		}, env...)...)
		return cmd
	}
	p.ready = func() bool { return answers(p.url() + "/api/health/ready") }
	return launch(t, p)
}

func TestIntegrationPlant(t *testing.T) {
	t.Parallel()
	server := backend(t, "API_KEYS="+keys)
	script(t, 2*patience, "plant.js", server.url(), server.url(), readerKey, gateKey)
	server.alive()
}

// What one replica takes the clients of the other see.
func TestIntegrationPlantOfTwoReplicas(t *testing.T) {
	t.Parallel()
	redis := redisServer(t)
	a := backend(t, "API_KEYS="+keys, "REDIS_URL="+redisURL(redis))
	b := backend(t, "API_KEYS="+keys, "REDIS_URL="+redisURL(redis))
	script(t, 2*patience, "plant.js", a.url(), b.url(), readerKey, gateKey)
	a.alive()
	b.alive()
}

func TestIntegrationPlantWithNode(t *testing.T) {
	t.Parallel()
	redis := redisServer(t)
	server := backend(t, "API_KEYS="+keys, "REDIS_URL="+redisURL(redis))
	node := nodeServer(t, "REDIS_URL="+redisURL(redis))
	script(t, 2*patience, "mixed.js", server.url(), node.url(), redisURL(redis), readerKey)
	server.alive()
	node.alive()
}

func TestIntegrationPlantStorm(t *testing.T) {
	t.Parallel()
	server := backend(t, "WORKER_MAX_RESTARTS=1000")
	play(t, 3*patience, func(string) string {
		if err := server.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
		return "done"
	}, "storm.js", server.url())
	server.alive()
}

func TestIntegrationPlantRestarts(t *testing.T) {
	t.Parallel()
	server := backend(t)
	ways := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}
	play(t, 3*patience, func(string) string {
		server.stop(ways[0])
		ways = ways[1:]
		server.start()
		return "done"
	}, "home.js", server.url())
}

// What is published and means nothing is counted, and nothing else.
func TestIntegrationPlantCountsMalformedMessages(t *testing.T) {
	t.Parallel()
	redis := redisServer(t)
	admin := "127.0.0.1:" + freePort(t)
	server := backend(t, "REDIS_URL="+redisURL(redis), "ADMIN_ADDR="+admin)
	client := redisClient(t, redis)
	for _, channel := range []string{"socket.io#/#", "socket.io-request#/#", "socket.io-response#/#"} {
		if err := client.Do(t.Context(), client.B().Publish().Channel(channel).Message("\xc1").Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "three malformed messages", func() bool {
		_, body := get(t, "http://"+admin+"/metrics")
		return strings.Contains(body, "smartfactory_redis_messages_malformed_total 3\n")
	})
	server.alive()
}

// Without Redis a replica is degraded and not ready, and lives.
func TestIntegrationPlantWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := redisServer(t)
	server := backend(t, "REDIS_URL="+redisURL(redis))
	health := func(status, ready int, word string) func() bool {
		return func() bool {
			code, body := get(t, server.url()+"/api/health")
			readiness, _ := get(t, server.url()+"/api/health/ready")
			return code == status && readiness == ready && strings.Contains(body, fmt.Sprintf(`"status":%q`, word))
		}
	}
	for range 2 {
		eventually(t, "health with Redis", health(http.StatusOK, http.StatusOK, "ok"))
		redis.stop(syscall.SIGKILL)
		eventually(t, "health without Redis", health(http.StatusOK, http.StatusServiceUnavailable, "degraded"))
		redis.start()
	}
	eventually(t, "health with Redis again", health(http.StatusOK, http.StatusOK, "ok"))
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

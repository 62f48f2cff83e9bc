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

	"smart-factory-backend/app/testkit/redistest"
)

// API keys of the tests, by role.
const (
	readerKey = "reader-key-of-the-tests"
	ingestKey = "ingest-key-of-the-tests"
	apiKeys   = "viewer:read:" + readerKey + ",gateway:ingest:" + ingestKey
)

// startBackend starts the server.
func startBackend(t *testing.T, env ...string) *process {
	t.Helper()
	sockets, err := os.MkdirTemp("", "s") // the path of a Unix socket must be short
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
	p.ready = func() bool { // ready, and connected to Redis
		if !respondsOK(p.url() + "/api/health/ready") {
			return false
		}
		_, body := get(t, p.url()+"/api/health")
		return strings.Contains(body, `"status":"ok"`)
	}
	return launch(t, p)
}

func TestIntegrationFactoryRooms(t *testing.T) {
	t.Parallel()
	server := startBackend(t, "API_KEYS="+apiKeys)
	runScript(t, 2*waitTimeout, "factory-rooms.js", server.url(), server.url(), readerKey, ingestKey)
	server.expectRunning()
}

// Clients of one replica receive the readings that the other accepted.
func TestIntegrationFactoryRoomsAcrossReplicas(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a := startBackend(t, "API_KEYS="+apiKeys, "REDIS_URL="+redisURL(redis))
	b := startBackend(t, "API_KEYS="+apiKeys, "REDIS_URL="+redisURL(redis))
	runScript(t, 2*waitTimeout, "factory-rooms.js", a.url(), b.url(), readerKey, ingestKey)
	a.expectRunning()
	b.expectRunning()
}

// The loss of a node of the Redis Cluster degrades the replicas until it is back.
func TestIntegrationFactoryRoomsOnRedisCluster(t *testing.T) {
	t.Parallel()
	redis := redistest.StartCluster(t)
	var replicas [2]*process
	for i := range replicas {
		replicas[i] = startBackend(t, "API_KEYS="+apiKeys, "REDIS_URL="+redis.URL(), "REDIS_ADAPTER=sharded")
	}
	exchange := func() {
		t.Helper()
		runScript(t, 2*waitTimeout, "factory-rooms.js", replicas[0].url(), replicas[1].url(), readerKey, ingestKey)
	}
	awaitHealth := func(status string) {
		t.Helper()
		for _, p := range replicas {
			eventually(t, status, func() bool {
				_, body := get(t, p.url()+"/api/health")
				return strings.Contains(body, `"status":"`+status+`"`)
			})
			if !respondsOK(p.url() + "/api/health/ready") {
				t.Errorf("unready while %s", status)
			}
		}
	}
	exchange()
	redis.Kill(1)
	awaitHealth("degraded")
	redis.Start(t, 1)
	awaitHealth("ok")
	exchange()
	for _, p := range replicas {
		p.expectRunning()
	}
}

func TestIntegrationFactoryRoomsWithNode(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	server := startBackend(t, "API_KEYS="+apiKeys, "REDIS_URL="+redisURL(redis))
	node := startNodeServer(t, "REDIS_URL="+redisURL(redis))
	runScript(t, 2*waitTimeout, "factory-rooms-with-node.js", server.url(), node.url(), redisURL(redis), readerKey)
	server.expectRunning()
	node.expectRunning()
}

func TestIntegrationSessionsSurviveWorkerFaults(t *testing.T) {
	t.Parallel()
	server := startBackend(t, "WORKER_MAX_RESTARTS=1000")
	runScriptWithSteps(t, 3*waitTimeout, func(string) string {
		if err := server.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
		return "done"
	}, "worker-faults.js", server.url())
	server.expectRunning()
}

func TestIntegrationClientsResubscribeAfterRestarts(t *testing.T) {
	t.Parallel()
	server := startBackend(t)
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}
	runScriptWithSteps(t, 3*waitTimeout, func(string) string {
		server.stop(signals[0])
		signals = signals[1:]
		server.start()
		return "done"
	}, "resubscribe.js", server.url())
}

// Malformed messages on Redis are counted and have no other effect.
func TestIntegrationMalformedRedisMessagesAreCounted(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	admin := "127.0.0.1:" + freePort(t)
	server := startBackend(t, "REDIS_URL="+redisURL(redis), "ADMIN_ADDR="+admin)
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
	server.expectRunning()
}

// Without Redis a replica is degraded and stays ready: all replicas share Redis.
func TestIntegrationRedisOutageDegradesHealth(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	server := startBackend(t, "REDIS_URL="+redisURL(redis))
	health := func(status, ready int, state string) func() bool {
		return func() bool {
			code, body := get(t, server.url()+"/api/health")
			readiness, _ := get(t, server.url()+"/api/health/ready")
			return code == status && readiness == ready && strings.Contains(body, fmt.Sprintf(`"status":%q`, state))
		}
	}
	for range 2 {
		eventually(t, "health with Redis", health(http.StatusOK, http.StatusOK, "ok"))
		redis.stop(syscall.SIGKILL)
		eventually(t, "health without Redis", health(http.StatusOK, http.StatusOK, "degraded"))
		redis.start()
	}
	eventually(t, "health with Redis again", health(http.StatusOK, http.StatusOK, "ok"))
}

// get returns the status and the body of a GET request.
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

//go:build integration

package interop_test

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"
)

func TestIntegrationSocketIOClients(t *testing.T) {
	t.Parallel()
	server := startExample(t, longTimeouts...)
	runScript(t, 2*waitTimeout, "socketio-clients.js", server.url())
	server.expectRunning()
}

func TestIntegrationServedClient(t *testing.T) {
	t.Parallel()
	server := startExample(t, longTimeouts...)
	runScript(t, 2*waitTimeout, "served-client.js", server.url())
	server.expectRunning()
}

func TestIntegrationRawWebSocket(t *testing.T) {
	t.Parallel()
	server := startExample(t, longTimeouts...)
	runScript(t, 2*waitTimeout, "raw-websocket.js", server.url())
	server.expectRunning()
}

func TestIntegrationConnectionStateRecovery(t *testing.T) {
	t.Parallel()
	server := startExample(t, append([]string{"-recovery"}, longTimeouts...)...)
	runScript(t, 2*waitTimeout, "state-recovery.js", server.url())
	server.expectRunning()
}

func TestIntegrationClientsReconnectAfterRestarts(t *testing.T) {
	t.Parallel()
	server := startExample(t, longTimeouts...)
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM}
	restarts := 0
	runScriptWithSteps(t, 3*waitTimeout, func(string) string {
		if restarts == len(signals) {
			return "enough"
		}
		server.stop(signals[restarts])
		server.start()
		restarts++
		return "go on"
	}, "reconnect.js", server.url())
}

func TestIntegrationRandomJoinsAndLeaves(t *testing.T) {
	t.Parallel()
	server := startExample(t, longTimeouts...)
	runChurnScript(t, 200, server)
}

func TestIntegrationRandomJoinsAcrossServers(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := startExampleOnRedis(t, redis), startExampleOnRedis(t, redis)
	runChurnScript(t, 50, a, b)
}

// runChurnScript runs clients that join and leave rooms at random, for a tenth of the time
// with -short.
func runChurnScript(t *testing.T, clients int, servers ...*process) {
	t.Helper()
	duration := churnDuration
	if testing.Short() {
		duration /= 10
	}
	args := []string{fmt.Sprint(duration.Milliseconds()), strconv.Itoa(clients)}
	for _, s := range servers {
		args = append(args, s.url())
	}
	runScript(t, duration+2*waitTimeout, "random-joins.js", args...)
	for _, s := range servers {
		s.expectRunning()
	}
}

// Only checks of expired timeouts use the server with short ones, so that a busy machine
// does not fail the other checks.
func TestIntegrationConformance(t *testing.T) {
	t.Parallel()
	noPings := startExample(t, append([]string{"-ping-interval", "1h"}, longTimeouts...)...)
	frequentPings := startExample(t, append([]string{"-ping-interval", "300ms"}, longTimeouts...)...)
	shortTimeouts := startExample(t, "-ping-interval", "300ms", "-ping-timeout", "200ms", "-connect-timeout", "1s")
	runScript(t, 2*waitTimeout, "protocol-conformance.js", noPings.url(), frequentPings.url(), shortTimeouts.url())
	for _, server := range []*process{noPings, frequentPings, shortTimeouts} {
		server.expectRunning()
	}
}

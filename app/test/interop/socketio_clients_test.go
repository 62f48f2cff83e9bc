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
	ways := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM}
	restarts := 0
	runScriptWithSteps(t, 3*waitTimeout, func(string) string {
		if restarts == len(ways) {
			return "enough"
		}
		server.stop(ways[restarts])
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

func runChurnScript(t *testing.T, clients int, servers ...*process) {
	t.Helper()
	length := churnDuration
	if testing.Short() {
		length /= 10
	}
	args := []string{fmt.Sprint(length.Milliseconds()), strconv.Itoa(clients)}
	for _, s := range servers {
		args = append(args, s.url())
	}
	runScript(t, length+2*waitTimeout, "random-joins.js", args...)
	for _, s := range servers {
		s.expectRunning()
	}
}

// A server that is not patient is asked only for what becomes of clients that are
// late.
func TestIntegrationConformance(t *testing.T) {
	t.Parallel()
	silent := startExample(t, append([]string{"-ping-interval", "1h"}, longTimeouts...)...)
	pinging := startExample(t, append([]string{"-ping-interval", "300ms"}, longTimeouts...)...)
	hurried := startExample(t, "-ping-interval", "300ms", "-ping-timeout", "200ms", "-connect-timeout", "1s")
	runScript(t, 2*waitTimeout, "protocol-conformance.js", silent.url(), pinging.url(), hurried.url())
	for _, server := range []*process{silent, pinging, hurried} {
		server.expectRunning()
	}
}

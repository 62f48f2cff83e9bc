//go:build integration

package interop_test

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"
)

func TestIntegrationClients(t *testing.T) {
	t.Parallel()
	server := example(t, patient...)
	script(t, 2*patience, "clients.js", server.url())
	server.alive()
}

func TestIntegrationWebSocket(t *testing.T) {
	t.Parallel()
	server := example(t, patient...)
	script(t, 2*patience, "ws.js", server.url())
	server.alive()
}

func TestIntegrationRecovery(t *testing.T) {
	t.Parallel()
	server := example(t, append([]string{"-recovery"}, patient...)...)
	script(t, 2*patience, "recovery.js", server.url())
	server.alive()
}

func TestIntegrationReconnect(t *testing.T) {
	t.Parallel()
	server := example(t, patient...)
	ways := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM}
	restarts := 0
	play(t, 3*patience, func(string) string {
		if restarts == len(ways) {
			return "enough"
		}
		server.stop(ways[restarts])
		server.start()
		restarts++
		return "go on"
	}, "reconnect.js", server.url())
}

func TestIntegrationChurn(t *testing.T) {
	t.Parallel()
	server := example(t, patient...)
	churn(t, 200, server)
}

func TestIntegrationChurnOfTwoServers(t *testing.T) {
	t.Parallel()
	redis := redisServer(t)
	a, b := goServer(t, redis), goServer(t, redis)
	churn(t, 50, a, b)
}

func churn(t *testing.T, clients int, servers ...*process) {
	t.Helper()
	length := churnFor
	if testing.Short() {
		length /= 10
	}
	args := []string{fmt.Sprint(length.Milliseconds()), strconv.Itoa(clients)}
	for _, s := range servers {
		args = append(args, s.url())
	}
	script(t, length+2*patience, "churn.js", args...)
	for _, s := range servers {
		s.alive()
	}
}

// A server that is not patient is asked only for what becomes of clients that are
// late.
func TestIntegrationConformance(t *testing.T) {
	t.Parallel()
	silent := example(t, append([]string{"-ping-interval", "1h"}, patient...)...)
	pinging := example(t, append([]string{"-ping-interval", "300ms"}, patient...)...)
	hurried := example(t, "-ping-interval", "300ms", "-ping-timeout", "200ms", "-connect-timeout", "1s")
	script(t, 2*patience, "conformance.js", silent.url(), pinging.url(), hurried.url())
	for _, server := range []*process{silent, pinging, hurried} {
		server.alive()
	}
}

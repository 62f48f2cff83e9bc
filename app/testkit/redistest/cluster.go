// Package redistest runs a Redis Cluster for tests.
package redistest

import (
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/testkit/porttest"
)

// timeout bounds every wait, also on a busy machine.
const timeout = time.Minute

// Cluster is a Redis Cluster of three nodes without replicas. It ends with the
// test.
type Cluster struct {
	nodes [3]node
}

type node struct {
	port, busPort string
	dir           string
	cmd           *exec.Cmd
}

// StartCluster starts a cluster. It returns once all nodes serve their slots:
// 0 to 5460, to 10922 and to 16383.
func StartCluster(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{}
	for i := range c.nodes {
		c.nodes[i] = node{port: strconv.Itoa(porttest.ForTest(t)), busPort: strconv.Itoa(porttest.ForTest(t)), dir: t.TempDir()}
		t.Cleanup(func() { c.Kill(i) })
		c.Start(t, i)
	}
	for i, slots := range [][2]string{{"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}} {
		c.run(t, i, "cluster", "addslotsrange", slots[0], slots[1])
		c.run(t, 0, "cluster", "meet", "127.0.0.1", c.nodes[i].port, c.nodes[i].busPort)
	}
	for i := range c.nodes {
		eventually(t, "cluster formed", func() bool { return strings.Contains(c.run(t, i, "cluster", "info"), "cluster_state:ok") })
	}
	return c
}

// URL returns a URL that names all nodes.
func (c *Cluster) URL() string {
	hosts := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		hosts[i] = net.JoinHostPort("127.0.0.1", n.port)
	}
	return "redis://" + strings.Join(hosts, ",")
}

// NodeURL returns the URL of node i.
func (c *Cluster) NodeURL(i int) string { return "redis://127.0.0.1:" + c.nodes[i].port }

// Start starts node i and waits until it accepts connections.
func (c *Cluster) Start(t *testing.T, i int) {
	t.Helper()
	n := &c.nodes[i]
	n.cmd = exec.Command("redis-server", "--port", n.port, "--cluster-port", n.busPort, "--bind", "127.0.0.1", "--save", "",
		"--dir", n.dir, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "redis-server", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+n.port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// Kill kills node i, if it runs.
func (c *Cluster) Kill(i int) {
	if cmd := c.nodes[i].cmd; cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		c.nodes[i].cmd = nil
	}
}

func (c *Cluster) run(t *testing.T, i int, command ...string) string {
	t.Helper()
	output, err := exec.Command("redis-cli", append([]string{"-p", c.nodes[i].port}, command...)...).CombinedOutput()
	if err != nil || strings.Contains(string(output), "ERR") {
		t.Fatalf("redis-cli %v: %v: %s", command, err, output)
	}
	return string(output)
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(timeout)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, timeout)
		}
	}
}

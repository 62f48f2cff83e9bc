//go:build integration

package redislink_test

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio/redislink"
	"smart-factory-backend/app/testkit/porttest"

	"github.com/redis/rueidis"
)

// redisCluster is a Redis Cluster of three nodes without replicas.
type redisCluster struct {
	t     *testing.T
	nodes [3]struct {
		port, bus int
		dir       string
		cmd       *exec.Cmd
	}
}

func startCluster(t *testing.T) *redisCluster {
	t.Helper()
	c := &redisCluster{t: t}
	for i := range c.nodes {
		n := &c.nodes[i]
		n.port, n.bus, n.dir = porttest.ForTest(t), porttest.ForTest(t), t.TempDir()
		c.start(i)
		t.Cleanup(func() { c.kill(i) })
	}
	for i, slots := range [][2]int{{0, 5460}, {5461, 10922}, {10923, 16383}} {
		c.do(i, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(slots[0]), strconv.Itoa(slots[1]))
		c.do(0, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(c.nodes[i].port), strconv.Itoa(c.nodes[i].bus))
	}
	for i := range c.nodes {
		c.eventually("cluster formed", func() bool { return strings.Contains(c.do(i, "CLUSTER", "INFO"), "cluster_state:ok") })
	}
	return c
}

func (c *redisCluster) url() string {
	hosts := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		hosts[i] = fmt.Sprintf("127.0.0.1:%d", n.port)
	}
	return "redis://" + strings.Join(hosts, ",")
}

func (c *redisCluster) start(i int) {
	c.t.Helper()
	n := &c.nodes[i]
	n.cmd = exec.Command("redis-server", "--port", strconv.Itoa(n.port), "--cluster-port", strconv.Itoa(n.bus), "--bind", "127.0.0.1",
		"--save", "", "--dir", n.dir, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
	if err := n.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("redis-server", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (c *redisCluster) kill(i int) {
	if cmd := c.nodes[i].cmd; cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		c.nodes[i].cmd = nil
	}
}

func (c *redisCluster) do(i int, command ...string) string {
	c.t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{fmt.Sprintf("127.0.0.1:%d", c.nodes[i].port)}, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	text, err := client.Do(c.t.Context(), client.B().Arbitrary(command...).Build()).ToString()
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

func (c *redisCluster) eventually(what string, done func() bool) {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			c.t.Fatalf("%s: not within %v", what, testTimeout)
		}
	}
}

// Messages of every shard arrive. With one node away those of the others still do,
// and with the node back all do again.
func TestIntegrationClusterSurvivesTheLossOfANode(t *testing.T) {
	t.Parallel()
	for name, sharded := range map[string]bool{"sharded": true, "classic": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testCluster(t, sharded)
		})
	}
}

func testCluster(t *testing.T, sharded bool) {
	c := startCluster(t)
	o := options(c.url())
	o.Sharded = sharded
	a, _ := runLink(t, o)
	b, _ := runLink(t, o)
	channels := []string{"a", "b", "c"} // slots 15495, 3300, 7365: nodes 2, 0, 1
	got := make(chan string, 10_000)
	for _, channel := range channels {
		b.Subscribe(channel, func(channel, message string) {
			select {
			case got <- channel + message:
			default:
			}
		})
	}
	round := 0
	expect := func(channels ...string) {
		t.Helper()
		round++
		missing := map[string]bool{}
		for _, channel := range channels {
			missing[channel+strconv.Itoa(round)] = true
		}
		c.eventually(fmt.Sprintf("messages on %v", channels), func() bool {
			for _, channel := range channels {
				a.Publish(channel, []byte(strconv.Itoa(round)))
			}
			for {
				select {
				case m := <-got:
					delete(missing, m)
					continue
				default:
				}
				return len(missing) == 0
			}
		})
	}
	connected := func() bool { return a.Err() == nil && b.Err() == nil }
	c.eventually("connected", connected)
	expect(channels...)
	c.eventually("one subscriber of each", func() bool {
		n, err := a.Subscribers(t.Context(), channels...)
		return err == nil && n["a"] == 1 && n["b"] == 1 && n["c"] == 1
	})

	for victim, live := range [][]string{{"a", "c"}, {"a", "b"}, {"b", "c"}} {
		c.kill(victim)
		c.eventually("the loss reported", func() bool { return a.Err() != nil && b.Err() != nil })
		expect(live...)
		if !sharded {
			expect(channels...)
		}
		c.start(victim)
		c.eventually("connected again", connected)
		expect(channels...)
	}
}

func TestIntegrationClusterOfOneServerIsAnError(t *testing.T) {
	t.Parallel()
	port := porttest.ForTest(t)
	startRedis(t, port)
	l, states := runLink(t, options(fmt.Sprintf("redis://127.0.0.1:%d,127.0.0.1:%d", port, port)))
	if err := <-states; err == nil || !strings.Contains(err.Error(), "cluster support disabled") {
		t.Errorf("OnState(%v), want that the server is no cluster", err)
	}
	if !redislink.IsCluster(fmt.Sprintf("redis://127.0.0.1:%d,127.0.0.1:%d", port, port)) || l.Err() == nil {
		t.Error("the URL is not taken as a cluster")
	}
}

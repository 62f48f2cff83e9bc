//go:build integration

package redislink_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio/redislink"
	"smart-factory-backend/app/testkit/porttest"
	"smart-factory-backend/app/testkit/redistest"
)

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(testTimeout)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, testTimeout)
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
	c := redistest.StartCluster(t)
	o := options(c.URL())
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
		eventually(t, fmt.Sprintf("messages on %v", channels), func() bool {
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
	eventually(t, "connected", connected)
	expect(channels...)
	eventually(t, "one subscriber of each", func() bool {
		n, err := a.Subscribers(t.Context(), channels...)
		return err == nil && n["a"] == 1 && n["b"] == 1 && n["c"] == 1
	})

	for victim, live := range [][]string{{"a", "c"}, {"a", "b"}, {"b", "c"}} {
		c.Kill(victim)
		eventually(t, "the loss reported", func() bool { return a.Err() != nil && b.Err() != nil })
		expect(live...)
		if !sharded {
			expect(channels...)
		}
		c.Start(t, victim)
		eventually(t, "connected again", connected)
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

//go:build integration

package interop_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"smart-factory-backend/app/testkit/redistest"

	"github.com/redis/rueidis"
)

// redisKey is the prefix of the channels that the servers of one test share.
const redisKey = "test*key"

func startExampleOnRedis(t *testing.T, redis *process, args ...string) *process {
	t.Helper()
	return startExample(t, append(append([]string{"-redis", redisURL(redis), "-redis-key", redisKey}, longTimeouts...), args...)...)
}

func startNodeServerOnRedis(t *testing.T, redis *process, env ...string) *process {
	t.Helper()
	return startNodeServer(t, append([]string{"REDIS_URL=" + redisURL(redis), "REDIS_KEY=" + redisKey}, env...)...)
}

func TestIntegrationAdapterBetweenExamples(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	runAdapterScript(t, redis, startExampleOnRedis(t, redis), startExampleOnRedis(t, redis), "")
}

func TestIntegrationAdapterWithNode(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	runAdapterScript(t, redis, startExampleOnRedis(t, redis), startNodeServerOnRedis(t, redis), "")
}

// The Node server publishes responses on the channel of the requesting server.
func TestIntegrationAdapterWithNodeResponseChannels(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	runAdapterScript(t, redis, startExampleOnRedis(t, redis), startNodeServerOnRedis(t, redis, "RESPONSE_CHANNELS=1"), "")
}

func TestIntegrationShardedAdapterWithNode(t *testing.T) {
	t.Parallel()
	for mode, nodeMode := range map[string]string{"sharded": "dynamic", "sharded-static": "static", "sharded-private": "dynamic-private"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			redis := startRedis(t)
			runAdapterScript(t, redis, startExampleOnRedis(t, redis, "-redis-adapter", mode), startNodeServerOnRedis(t, redis, "SHARDED="+nodeMode), nodeMode)
		})
	}
}

// runAdapterScript checks every operation of the adapter between a and b. sharded is
// the subscription mode of the sharded adapter, or empty.
func runAdapterScript(t *testing.T, redis, a, b *process, sharded string) {
	t.Helper()
	numbers := "exact"
	for _, p := range []*process{a, b} {
		if p.name == nodeServerName {
			numbers = "rounded"
		}
	}
	runScript(t, 2*waitTimeout, "redis-adapter.js", a.url(), b.url(), redisURL(redis), redisKey, numbers, sharded)
	a.expectRunning()
	b.expectRunning()
}

func TestIntegrationAdapterOnRedisCluster(t *testing.T) {
	t.Parallel()
	redis := redistest.StartCluster(t)
	start := func(key string) *process {
		return startExample(t, append([]string{"-redis", redis.URL(), "-redis-key", key, "-redis-adapter", "sharded-static"}, longTimeouts...)...)
	}
	for numbers, servers := range map[string][2]*process{
		"exact":   {start("go"), start("go")},
		"rounded": {start("node"), startNodeServer(t, "REDIS_URL="+redis.URL(), "REDIS_KEY=node", "SHARDED=static")},
	} {
		a, b := servers[0], servers[1]
		key := map[string]string{"exact": "go", "rounded": "node"}[numbers]
		runScript(t, 2*waitTimeout, "redis-adapter.js", a.url(), b.url(), redis.NodeURL(0), key, numbers, "static")
		a.expectRunning()
		b.expectRunning()
	}
}

func TestIntegrationRedisOutageKeepsClientsServed(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := startExampleOnRedis(t, redis), startExampleOnRedis(t, redis)
	runScriptWithSteps(t, 3*waitTimeout, func(step string) string {
		switch step {
		case "kill redis":
			redis.stop(syscall.SIGKILL)
		case "start redis":
			redis.start()
		}
		return "continue"
	}, "redis-outage.js", a.url(), b.url())
	a.expectRunning()
	b.expectRunning()
}

// Malformed publications have no effect, and the servers continue to share their rooms.
// A Node server would crash.
func TestIntegrationMalformedPublicationsAreIgnored(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := startExampleOnRedis(t, redis), startExampleOnRedis(t, redis)
	client := redisClient(t, redis)
	publish := func(channel, message string) int64 {
		n, err := client.Do(t.Context(), client.B().Publish().Channel(channel).Message(message).Build()).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "both servers subscribed", func() bool { return publish(redisKey+"-request#/custom#", "{}") == 2 })
	for _, message := range []string{
		"", "\xc1", "\x93\xa1u", "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff\x01", "\xc6\xff\xff\xff\xff",
		strings.Repeat("\x91", 10_000), strings.Repeat("\x81\xa1a", 10_000), "\x93\xa1u\xc0\xc0",
		"\x93\xa1u\x82\xa4type\x02\xa4data\x01\x80", "\x93\xa1u\x82\xa4type\x02\xa4data\x91\xa1e\x81\xa5rooms\x05",
		"\x93\xa1u\x82\xa4type\x4d\xa4data\x91\xa1e\x80", "\x93\xa1u\x82\xa4type\x02\xa4data\x91\xaadisconnect\x80",
		"{", `{"type":5}`, `{"type":5,"requestId":"x","opts":null}`, `{"type":6,"data":7}`, `{"type":"x"}`, `{"requestId":{}}`,
		`{"type":2,"opts":{"rooms":5},"rooms":{}}`, `[]`, `null`, strings.Repeat(`{"a":`, 20_000),
	} {
		for _, kind := range []string{"", "-request", "-response"} {
			for _, nsp := range []string{"/", "/custom"} {
				channel := fmt.Sprintf("%s%s#%s#", redisKey, kind, nsp)
				if n := publish(channel, message); n != 2 {
					t.Fatalf("PUBLISH %s = %d receivers, want 2", channel, n)
				}
			}
		}
	}
	runAdapterScript(t, redis, a, b, "")
}

// As TestIntegrationMalformedPublicationsAreIgnored, on the channels of the sharded adapter.
func TestIntegrationMalformedShardedPublicationsAreIgnored(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := startExampleOnRedis(t, redis, "-redis-adapter", "sharded"), startExampleOnRedis(t, redis, "-redis-adapter", "sharded")
	client := redisClient(t, redis)
	publish := func(channel, message string) int64 {
		n, err := client.Do(t.Context(), client.B().Spublish().Channel(channel).Message(message).Build()).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "both servers subscribed", func() bool { return publish(redisKey+"#/custom#", "{}") == 2 })
	for _, channel := range []string{redisKey + "#/#", redisKey + "#/custom#"} {
		for _, message := range []string{
			"", "\xc1", "\x93\xa1u", "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff\x01", "\xc6\xff\xff\xff\xff",
			strings.Repeat("\x91", 10_000), strings.Repeat("\x81\xa1a", 10_000), "{", "[]", "null", strings.Repeat(`{"a":`, 20_000),
			`{"type":3}`, `{"type":1e99}`, `{"type":-3,"data":{}}`, `{"type":3,"data":null,"nsp":"/"}`, `{"type":"x","data":7}`,
			`{"type":3,"uid":"u","nsp":"/","data":{"packet":null,"opts":{"rooms":[]}}}`,
			`{"type":3,"uid":"u","nsp":"/","data":{"packet":{"type":2,"data":["disconnect"]},"opts":{"rooms":[]}}}`,
			`{"type":3,"uid":"u","nsp":"/","data":{"packet":{"type":2,"data":["e"]},"opts":{"rooms":7}}}`,
			`{"type":3,"uid":"u","nsp":"/","data":{"packet":{"type":2,"data":"e"},"requestId":{},"opts":{}}}`,
			`{"type":4,"uid":"u","nsp":"/","data":{"opts":null,"rooms":["x"]}}`, `{"type":4,"uid":"u","nsp":"/","data":{"opts":{},"rooms":{}}}`,
			`{"type":6,"uid":"u","nsp":"/","data":{"close":true}}`, `{"type":7,"uid":"u","nsp":"/","data":{}}`,
			`{"type":8,"uid":"u","nsp":"/","data":{"requestId":"x","sockets":5}}`, `{"type":9,"uid":"u","nsp":"/","data":{"packet":7}}`,
			`{"type":10,"uid":"u","nsp":"/","data":{}}`, `{"type":11,"uid":"u","nsp":"/","data":{"requestId":"x","clientCount":-1}}`,
			`{"type":12,"uid":{},"nsp":[],"data":[]}`,
		} {
			if n := publish(channel, message); n != 2 {
				t.Fatalf("SPUBLISH %s = %d receivers, want 2", channel, n)
			}
		}
	}
	runAdapterScript(t, redis, a, b, "dynamic")
}

// redisClient returns a client that is closed when the test ends.
func redisClient(t *testing.T, redis *process) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{"127.0.0.1:" + redis.port}, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

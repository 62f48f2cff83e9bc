//go:build integration

package interop_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/rueidis"
)

// goServer and mixed clusters share this key.
const redisKey = "test*key"

func startExampleOnRedis(t *testing.T, redis *process, args ...string) *process {
	t.Helper()
	return startExample(t, append(append([]string{"-redis", redisURL(redis), "-redis-key", redisKey}, longTimeouts...), args...)...)
}

func startNodeServerOnRedis(t *testing.T, redis *process, env ...string) *process {
	t.Helper()
	return startNodeServer(t, append([]string{"REDIS_URL=" + redisURL(redis), "REDIS_KEY=" + redisKey}, env...)...)
}

// exactOf says whether all servers of the test are ours.
func exactOf(t *testing.T) string {
	if strings.Contains(t.Name(), "Node") {
		return "0"
	}
	return "1"
}

func TestIntegrationAdapterBetweenExamples(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	runAdapterScript(t, redis, startExampleOnRedis(t, redis), startExampleOnRedis(t, redis))
}

func TestIntegrationAdapterWithNode(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	runAdapterScript(t, redis, startExampleOnRedis(t, redis), startNodeServerOnRedis(t, redis))
}

// The Node server answers on the asker's own channel.
func TestIntegrationAdapterWithNodeResponseChannels(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	runAdapterScript(t, redis, startExampleOnRedis(t, redis), startNodeServerOnRedis(t, redis, "RESPONSE_CHANNELS=1"))
}

func runAdapterScript(t *testing.T, redis, a, b *process) {
	t.Helper()
	runScript(t, 2*waitTimeout, "redis-adapter.js", a.url(), b.url(), redisURL(redis), redisKey)
	a.expectRunning()
	b.expectRunning()
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
		return "done"
	}, "redis-outage.js", a.url(), b.url())
	a.expectRunning()
	b.expectRunning()
}

// What a peer publishes harms nobody: the cluster works as before. A Node
// server would not live through this.
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
	eventually(t, "both servers on Redis", func() bool { return publish(redisKey+"-request#/custom#", "{}") == 2 })
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
					t.Fatalf("PUBLISH %s reached %d servers, want 2", channel, n)
				}
			}
		}
	}
	runAdapterScript(t, redis, a, b)
}

// redisClient returns a plain client, for the time of the test.
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

//go:build container

package container_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// image is the name of the image that .ci/container-test builds.
var image = "smart-factory-backend"

const testKey = "0123456789abcdef-of-the-test"

// docker runs the client of the container engine.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, engine(), args...)
}

func engine() string {
	if name := os.Getenv("DOCKER"); name != "" {
		return name
	}
	return "docker"
}

// container is a container of the image with a read-only root, 64 MB of memory and half a
// CPU.
type container struct {
	t    *testing.T
	id   string
	addr string
}

func runContainer(t *testing.T, args ...string) *container {
	t.Helper()
	all := append([]string{
		"run", "-d", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"--memory", "64m", "--cpus", "0.5", "--health-interval", "300ms", "--stop-timeout", "45",
		"-e", "API_KEYS=test:admin:" + testKey,
	}, args...)
	id := docker(t, append(all, image)...)
	c := &container{t: t, id: id[strings.LastIndex(id, "\n")+1:]}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := runAnyExit(t, engine(), "logs", c.id)
			t.Logf("the end of the log:\n%s", log[max(0, len(log)-3000):])
		}
		docker(t, "rm", "-f", "-v", c.id)
	})
	c.updateAddr()
	return c
}

// updateAddr reads the address, which a restart may change.
func (c *container) updateAddr() {
	c.addr = c.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}") + ":3000"
}

func (c *container) inspect(format string) string {
	c.t.Helper()
	return docker(c.t, "inspect", "-f", format, c.id)
}

// command runs a sub-command of the server in the container.
func (c *container) command(args ...string) string {
	c.t.Helper()
	return docker(c.t, append([]string{"exec", c.id, "/smart-factory-backend"}, args...)...)
}

type status struct {
	GOMAXPROCS int `json:"gomaxprocs"`
	Workers    []struct {
		Generation int    `json:"generation"`
		State      string `json:"state"`
		InFlight   int    `json:"in_flight"`
	} `json:"workers"`
}

func (c *container) status() (s status) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.command("status", "--json")), &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// health returns the health status that the engine reports.
func (c *container) health() string {
	c.t.Helper()
	return c.inspect("{{.State.Health.Status}}")
}

// waitForHealth waits until the engine reports healthy and the server is ready.
func (c *container) waitForHealth() {
	c.t.Helper()
	eventually(c.t, "health", func() bool { return c.health() == "healthy" })
	c.updateAddr()
	eventually(c.t, "readiness", func() bool { return respondsOK(c.addr, "/api/health/ready") })
}

func TestImageIsSmallAndUnprivileged(t *testing.T) {
	t.Parallel()
	for _, name := range []string{image, image + ":arm64"} {
		size, err := strconv.Atoi(docker(t, "image", "inspect", "-f", "{{.Size}}", name))
		if err != nil || size >= 24_000_000 {
			t.Errorf("size of %s = %d bytes, %v, want under 24 MB", name, size, err)
		}
		t.Logf("%s has %.1f MB", name, float64(size)/1e6)
	}
	for format, want := range map[string]string{
		"{{.Config.User}}":             "65532:65532",
		"{{.Config.StopSignal}}":       "SIGTERM",
		"{{.Config.Entrypoint}}":       "[/smart-factory-backend]",
		"{{.Config.Healthcheck.Test}}": "[CMD /smart-factory-backend healthcheck]",
		"{{.Config.Volumes}}":          "map[/data:{}]",
		"{{.Config.ExposedPorts}}":     "map[3000/tcp:{}]",
		"{{index .Config.Labels \"org.opencontainers.image.title\"}}": "Smart Factory Backend",
	} {
		if got := docker(t, "image", "inspect", "-f", format, image); got != want {
			t.Errorf("%s = %q, want %q", format, got, want)
		}
	}
	version := docker(t, "run", "--rm", image, "version")
	revision := docker(t, "image", "inspect", "-f", "{{index .Config.Labels \"org.opencontainers.image.revision\"}}", image)
	if revision == "" || revision == "unknown" || !strings.Contains(version, revision) {
		t.Errorf("version = %q, want the revision of the label, %q", version, revision)
	}
	if out, code := runAnyExit(t, engine(), "run", "--rm", image); code != 1 || !strings.Contains(out, "API_KEYS") {
		t.Errorf("container without API_KEYS: exit code %d, %s, want 1 and the variable", code, out)
	}
}

// The server is ready and the engine reports healthy within two seconds of the start. The
// test repeats for a minute, since the machine may be busy; one such start is enough.
func TestContainerIsHealthyWithinTwoSeconds(t *testing.T) {
	const limit = 2 * time.Second
	var ready, healthy time.Duration
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		c := runContainer(t)
		started := c.time("{{.State.StartedAt}}")
		eventually(t, "readiness", func() bool { return respondsOK(c.addr, "/api/health/ready") })
		ready = time.Since(started)
		c.waitForHealth()
		healthy = c.firstGoodCheck().Sub(started)
		t.Logf("ready %v after its start, healthy %v after it", ready, healthy)
		if ready < limit && healthy < limit {
			break
		}
		docker(t, "kill", c.id) // it must not slow down the next one
	}
	if ready >= limit || healthy >= limit {
		t.Errorf("ready after %v, healthy after %v, want both in under %v", ready, healthy, limit)
	}
}

// time reads a time that the engine reports.
func (c *container) time(format string) time.Time {
	c.t.Helper()
	at, err := time.Parse(time.RFC3339Nano, c.inspect(format))
	if err != nil {
		c.t.Fatal(err)
	}
	return at
}

// firstGoodCheck returns when the health check first passed. The engine keeps only the last
// five results.
func (c *container) firstGoodCheck() time.Time {
	c.t.Helper()
	var checks []struct {
		End      time.Time
		ExitCode int
	}
	if err := json.Unmarshal([]byte(c.inspect("{{json .State.Health.Log}}")), &checks); err != nil {
		c.t.Fatal(err)
	}
	for _, check := range checks {
		if check.ExitCode == 0 {
			return check.End
		}
	}
	c.t.Fatal("no health check has passed")
	return time.Time{}
}

// The sub-commands work in the container, which has no shell.
func TestCommandsRunInTheContainer(t *testing.T) {
	c := runContainer(t)
	c.waitForHealth()
	if out := c.command("status"); !strings.Contains(out, "running") {
		t.Errorf("status = %s", out)
	}
	if out := c.command("config"); strings.Contains(out, testKey) {
		t.Error("config shows a secret")
	}
	if out, code := runAnyExit(t, engine(), "exec", c.id, "/smart-factory-backend", "reload"); code != 0 {
		t.Errorf("reload: exit %d, %s", code, out)
	}
	if s := c.status(); len(s.Workers) != 1 || s.Workers[0].Generation != 2 {
		t.Errorf("status after reload = %+v, want generation 2", s)
	}
	if out, _ := runAnyExit(t, engine(), "exec", c.id, "/smart-factory-backend", "status", "--json"); !json.Valid([]byte(out)) {
		t.Errorf("status --json = %s, want JSON only", out)
	}
	log, _ := runAnyExit(t, engine(), "logs", c.id)
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line %q, want JSON", line)
		}
	}
	if uid := c.inspect("{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}"); uid != "65532:65532 true" {
		t.Errorf("user and read-only root = %s, want 65532:65532 true", uid)
	}
}

// A random user of group 0, as on OpenShift, can write to a new volume. A directory of
// root is refused with the uid and the cure.
func TestRandomUser(t *testing.T) {
	runContainer(t, "--user", "1000680000:0").waitForHealth()

	log, code := runAnyExit(t, engine(), "run", "--rm", "--user", "1000680000:0", "--tmpfs", "/root-owned:mode=755",
		"-e", "API_KEYS=test:admin:"+testKey, "-e", "DATA_DIR=/root-owned", image)
	if code != 1 || !strings.Contains(log, "chown -R 1000680000:0 /root-owned") {
		t.Errorf("start in a directory of root exits with %d, want 1 and the cure:\n%s", code, log)
	}
}

// The number of workers follows the CPU quota, also when the quota changes at run time.
func TestWorkersFollowTheQuota(t *testing.T) {
	c := runContainer(t)
	c.waitForHealth()
	if s := c.status(); s.GOMAXPROCS != 1 || len(s.Workers) != 1 {
		t.Errorf("status at half a CPU = %+v, want one worker", s)
	}
	docker(t, "update", "--cpus", "2", c.id)
	docker(t, "kill", "-s", "HUP", c.id) // otherwise the server reads the quota every 30 s
	eventually(t, "two workers", func() bool { s := c.status(); return s.GOMAXPROCS == 2 && len(s.Workers) == 2 })
	docker(t, "update", "--cpus", "1", c.id)
	docker(t, "kill", "-s", "HUP", c.id)
	eventually(t, "one worker", func() bool { s := c.status(); return s.GOMAXPROCS == 1 && len(s.Workers) == 1 })
	if restarts := c.inspect("{{.RestartCount}}"); restarts != "0" {
		t.Errorf("RestartCount = %s, want 0", restarts)
	}

	more := runContainer(t, "-e", "CLUSTER_WORKERS=8")
	more.waitForHealth()
	if s := more.status(); len(s.Workers) != 1 {
		t.Errorf("status with CLUSTER_WORKERS=8 at half a CPU = %+v, want one worker", s)
	}
	if log, _ := runAnyExit(t, engine(), "logs", more.id); !strings.Contains(log, "CLUSTER_WORKERS is capped") {
		t.Errorf("the log does not report the capped number of workers:\n%s", log)
	}
}

// docker stop under load fails no request, closes every WebSocket with 1001 and loses no
// acknowledged reading.
func TestStopLosesNoRequest(t *testing.T) {
	volume := docker(t, "volume", "create")
	t.Cleanup(func() { docker(t, "volume", "rm", volume) })
	c := runContainer(t, "-v", volume+":/data")
	c.waitForHealth()
	w := startLoad(c.addr, testKey, "m", 16)
	s := startSubscribers(c.addr, testKey, 50)
	eventually(t, "subscribers", func() bool { open, events := s.counts(); return open == 50 && events > 100 })
	w.waitForMore(t, 200)
	w.refusalsExpected.Store(true)
	docker(t, "stop", c.id)
	if code := c.inspect("{{.State.ExitCode}}"); code != "0" {
		t.Errorf("exit code %s, want 0", code)
	}
	codes := s.stopAndReport(t)
	if codes[1001] != 50 || len(codes) != 1 {
		t.Errorf("close codes by count = %v, want 1001 for all 50", codes)
	}
	if lost := w.stopAndReport(t); len(lost) > 0 {
		t.Errorf("%d requests failed, the first: %v", len(lost), lost[0])
	}
	next := runContainer(t, "-v", volume+":/data")
	next.waitForHealth()
	w.checkStored(t, next.addr)
}

// A server whose workers all fail is unhealthy while requests in flight finish, exits with
// 70 and is restarted by the restart policy. A suspended process is unhealthy as well.
func TestFailedContainerIsUnhealthyThenReplaced(t *testing.T) {
	c := runContainer(t, "--restart", "on-failure:5", "--health-timeout", "1s", "--health-retries", "2",
		"-e", "NODE_ENV=development", "-e", "FAULT_INJECTION=true", "-e", "WORKER_MAX_RESTARTS=2", "-e", "SHUTDOWN_TIMEOUT=10s")
	c.waitForHealth()
	docker(t, "kill", "-s", "STOP", c.id)
	eventually(t, "unhealthy while stopped", func() bool { return c.health() == "unhealthy" })
	docker(t, "kill", "-s", "CONT", c.id)
	c.waitForHealth()

	began := time.Now()
	stuck := make(chan error, 1)
	go func() { // ends with the process
		_, _, err := request(c.addr, testKey, "POST", "/api/faults/stall", "")
		stuck <- err
	}()
	eventually(t, "the stuck request", func() bool { s := c.status(); return s.Workers[0].InFlight == 1 })
	for range 3 { // one more than WORKER_MAX_RESTARTS
		if status, body, err := request(c.addr, testKey, "POST", "/api/faults/worker", ""); err != nil || status != 200 {
			t.Errorf("POST /api/faults/worker = %d %s, %v, want 200", status, body, err)
		}
	}
	eventually(t, "unhealthy without workers", func() bool { return c.health() == "unhealthy" })
	if count := c.inspect("{{.RestartCount}}"); count != "0" {
		t.Errorf("RestartCount = %s, want 0 while unhealthy", count)
	}
	eventually(t, "a restart", func() bool { return c.inspect("{{.RestartCount}}") == "1" })
	if err := <-stuck; err == nil {
		t.Error("the stuck request got a response, want an error")
	}
	exitCodes := docker(t, "events", "--since", fmt.Sprint(began.Unix()), "--until", fmt.Sprint(time.Now().Unix()+1),
		"--filter", "container="+c.id, "--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}}")
	if exitCodes != "70" {
		t.Errorf("exit code %q, want 70", exitCodes)
	}
	c.waitForHealth()
	if log, _ := runAnyExit(t, engine(), "logs", c.id); !strings.Contains(log, "supervisor gave up") {
		t.Errorf("the log lacks \"supervisor gave up\":\n%s", log)
	}
}

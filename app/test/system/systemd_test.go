//go:build integration && systemd

package system_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// systemdContainer is a container in which systemd runs as process 1.
type systemdContainer struct {
	t    *testing.T
	name string
}

// docker runs the client of the container engine and returns its output.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	engine := os.Getenv("DOCKER")
	if engine == "" {
		engine = "docker"
	}
	out, err := exec.Command(engine, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", engine, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// startSystemd starts a container from the image that .ci/systemd-test builds, until
// the test ends.
func startSystemd(t *testing.T) systemdContainer {
	t.Helper()
	args := []string{
		"run", "-d", "--cgroupns", "host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup", "--tmpfs", "/run", "--tmpfs", "/tmp", "-e", "container=docker",
		"--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE",
	}
	for _, option := range []string{"seccomp", "apparmor", "systempaths"} {
		args = append(args, "--security-opt", option+"=unconfined")
	}
	m := systemdContainer{t, docker(t, append(args, "smart-factory-systemd", "/lib/systemd/systemd")...)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(docker(t, "exec", m.name, "journalctl", "--no-pager", "-n", "60"))
		}
		docker(t, "rm", "-f", m.name)
	})
	return m
}

// run runs a shell script as root in the container.
func (m systemdContainer) run(script string) string {
	m.t.Helper()
	return docker(m.t, "exec", m.name, "sh", "-c", script)
}

// property returns a property of the service's unit.
func (m systemdContainer) property(name string) string {
	m.t.Helper()
	return m.run("systemctl show smart-factory-backend --value -p " + name)
}

// The units that the command "unit" prints work unchanged under systemd: the sandbox
// permits what the server needs, restarts fail no request, and systemd restarts the
// server after a watchdog timeout, a crash or a kill.
func TestUnitsUnderSystemd(t *testing.T) {
	m := startSystemd(t)
	p := &process{t: t, addr: docker(t, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", m.name) + ":3000"}
	p.eventually("systemd", func() bool {
		return m.run("systemctl is-system-running || true") == "running"
	})
	docker(t, "cp", binary, m.name+":/usr/local/bin/smart-factory-backend")
	m.run(`cd /etc/systemd/system
		echo NODE_ENV=development > /etc/smart-factory-backend.env
		smart-factory-backend unit > smart-factory-backend.service
		smart-factory-backend unit --socket > smart-factory-backend.socket
		systemctl daemon-reload
		systemctl enable --now smart-factory-backend.socket smart-factory-backend.service`)

	readings := &acknowledgedReadings{last: map[string]int{}}
	load := startLoad(p.addr, 16, nil, readings.postNext)
	waitForMore := func(what string) {
		before := load.served.Load()
		p.eventually(what, func() bool { return load.served.Load() > before+200 })
	}
	waitForMore("accepted readings")
	for range 5 {
		m.run("systemctl restart smart-factory-backend")
		waitForMore("accepted readings after a restart")
	}
	m.run("systemctl reload smart-factory-backend")
	waitForMore("accepted readings after a reload")
	load.stopAndCheck(t)
	t.Logf("%d readings over five restarts and a reload", load.served.Load())

	for _, failure := range []struct{ name, signal string }{
		{"its watchdog", "STOP"}, {"a crash", "ABRT"}, {"a kill", "KILL"},
	} {
		before := m.property("MainPID")
		m.run("kill -" + failure.signal + " " + before)
		p.eventually("a new process after "+failure.name, func() bool {
			now := m.property("MainPID")
			return now != before && now != "0" && m.property("ActiveState") == "active"
		})
		if status, body := p.get("/api/health/ready"); status != http.StatusOK {
			t.Errorf("readiness after %s = %d %s, want 200", failure.name, status, body)
		}
	}
	readings.checkStored(p)
	m.run("systemctl stop smart-factory-backend.socket smart-factory-backend.service")
	if result, code := m.property("Result"), m.property("ExecMainStatus"); result != "success" || code != "0" {
		t.Errorf("stopped service: Result %s, ExecMainStatus %s, want success and 0", result, code)
	}
}

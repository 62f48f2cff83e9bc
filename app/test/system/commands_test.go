//go:build integration

package system_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"smart-factory-backend/app/testkit/porttest"
)

func TestSecondInstanceIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	port := first.addr[strings.LastIndex(first.addr, ":")+1:]
	var n int
	if _, err := fmt.Sscan(port, &n); err != nil {
		t.Fatal(err)
	}
	second := launch(t, environment(t, t.TempDir(), n))
	if code := second.wait(); code != 1 || !strings.Contains(second.log.String(), port) ||
		!strings.Contains(second.log.String(), fmt.Sprint("pid ", first.cmd.Process.Pid)) {
		t.Errorf("server on a port in use: exit code %d, log %s, want 1 and the port and pid in use", code, second.log)
	}
	third := launch(t, environment(t, dir, porttest.ForTest(t)))
	if code := third.wait(); code != 1 || !strings.Contains(third.log.String(), "in use") {
		t.Errorf("server on a data directory in use: exit code %d, log %s, want 1 and \"in use\"", code, third.log)
	}
	if status, _ := first.get("/api/health"); status != http.StatusOK {
		t.Errorf("GET /api/health of the first server = %d, want 200", status)
	}
}

func TestClusterWorkersSetsTheNumberOfWorkers(t *testing.T) {
	for value, want := range map[string]int{"": 4, "0": 4, "1": 1, "3": 3, "64": 4} {
		p := start(t, t.TempDir(), "CLUSTER_WORKERS="+value)
		if got := p.status().WorkersWanted; got != want {
			t.Errorf("CLUSTER_WORKERS=%q: %d workers, want %d", value, got, want)
		}
		capped := func() bool { return strings.Contains(p.log.String(), `"workers capped"`) }
		if value == "64" {
			p.eventually("workers capped in the log", capped)
		} else if capped() {
			t.Errorf("CLUSTER_WORKERS=%q: the log has \"workers capped\", want none", value)
		}
	}
	for _, value := range []string{"banana", "-1", "1.5"} {
		p := launch(t, environment(t, t.TempDir(), porttest.ForTest(t), "CLUSTER_WORKERS="+value, "LOG_LEVEL=loud"))
		code := p.wait()
		log := p.log.String()
		if code != 1 || !strings.Contains(log, "CLUSTER_WORKERS") || !strings.Contains(log, value) || !strings.Contains(log, "LOG_LEVEL") {
			t.Errorf("CLUSTER_WORKERS=%s: exit code %d, log %s, want 1 and both invalid variables", value, code, log)
		}
	}
}

func TestCommandsReachTheRunningServer(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("screen:read:first-secret-of-many")
	p := start(t, t.TempDir(), "API_KEYS_FILE="+keys)
	statusWithKey := func(secret string) int {
		req, _ := http.NewRequest(http.MethodGet, "http://"+p.addr+"/api/v1/latest", http.NoBody)
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if statusWithKey("first-secret-of-many") != http.StatusOK || statusWithKey("other-secret-of-many") != http.StatusUnauthorized {
		t.Error("the server does not use the key of API_KEYS_FILE")
	}
	write("screen:read:other-secret-of-many")
	if out, code := p.runCommand("reload"); code != 0 || !strings.Contains(out, "API_KEYS") {
		t.Errorf("reload = exit code %d, %s, want 0 and API_KEYS", code, out)
	}
	if statusWithKey("first-secret-of-many") != http.StatusUnauthorized || statusWithKey("other-secret-of-many") != http.StatusOK {
		t.Error("the server does not use the new key after reload")
	}
	before := p.status().Workers[0].Generation
	p.signal(syscall.SIGHUP)
	p.eventually("reload by SIGHUP", func() bool { return p.status().Workers[0].Generation > before })

	out, code := p.runCommand("status", "--json")
	var st map[string]any
	if err := json.Unmarshal([]byte(out), &st); err != nil || code != 0 || st["pid"] != float64(p.cmd.Process.Pid) {
		t.Errorf("status --json = exit code %d, %s, %v, want 0 and the pid", code, out, err)
	}
	if out, code := p.runCommand("status"); code != 0 || !strings.Contains(out, "running") {
		t.Errorf("status = exit code %d, %s, want 0 and a running worker", code, out)
	}
	if out, code := p.runCommand("config"); code != 0 || strings.Contains(out, "secret-of-many") || !strings.Contains(out, "***") {
		t.Errorf("config = exit code %d, %s, want 0 and no secret", code, out)
	}
	p.eventually("healthcheck", func() bool { // the command has a timeout of two seconds
		_, code := p.runCommand("healthcheck")
		return code == 0
	})
	p.signal(syscall.SIGTERM)
	p.wait()
	if _, code := p.runCommand("healthcheck"); code != 1 {
		t.Errorf("healthcheck without a server = %d, want 1", code)
	}
}

func TestMetricsCountRequestsAndPanics(t *testing.T) {
	admin := fmt.Sprint("127.0.0.1:", porttest.ForTest(t))
	p := start(t, t.TempDir(), "ADMIN_ADDR="+admin)
	for range 3 {
		p.injectFault("panic")
	}
	c := &client{addr: p.addr}
	defer c.close()
	if status, body, err := c.do("POST", "/api/v1/telemetry", `{"machine":"m","values":{"a":1,"b":null}}`); err != nil || status != http.StatusOK {
		t.Fatalf("telemetry = %d %s %v", status, body, err)
	}
	adminClient := &client{addr: admin}
	defer adminClient.close()
	_, text, err := adminClient.do("GET", "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`smartfactory_panics_total{place="handler"} 3`,
		`smartfactory_ingest_points_total{result="accepted"} 1`,
		`smartfactory_ingest_points_total{result="rejected"} 1`,
		`smartfactory_workers{state="running"} 4`,
		`smartfactory_http_requests_total{code="2xx",method="POST",route="/api/v1/telemetry"} 1`,
		`smartfactory_store_points_total{engine="sqlite"} 1`,
		"smartfactory_gomaxprocs 4",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("GET /metrics lacks %s", want)
		}
	}
}

func TestFaultInjectionIsOffByDefault(t *testing.T) {
	p := start(t, t.TempDir(), "FAULT_INJECTION=false")
	if status := p.injectFault("panic"); status != http.StatusNotFound {
		t.Errorf("POST /api/faults/panic = %d, want 404", status)
	}
	production := launch(t, environment(t, t.TempDir(), porttest.ForTest(t), "NODE_ENV=production", "API_KEYS=a:admin:0123456789abcdef"))
	if code := production.wait(); code != 1 || !strings.Contains(production.log.String(), "FAULT_INJECTION") {
		t.Errorf("FAULT_INJECTION=true in production: exit code %d, log %s, want 1 and the variable", code, production.log)
	}
}

// A data directory that belongs to somebody else is named, with the user and the cure.
func TestIntegrationDataDirectoryOfAnotherUser(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	cmd, uid := exec.Command(binary), os.Getuid()
	if uid == 0 { // whom no permission stops
		uid = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		cmd.Path = copyForOthers(t)
	}
	p := launchCommand(t, cmd, append(environment(t, dir, porttest.ForTest(t)), "DATA_DIR="+filepath.Join(dir, "data")))
	if code := p.wait(); code != 1 {
		t.Errorf("the server ended with code %d, want 1", code)
	}
	if log := p.log.String(); !strings.Contains(log, fmt.Sprintf("uid %d", uid)) || !strings.Contains(log, dir) || !strings.Contains(log, "chown") {
		t.Errorf("the error does not name the user, the directory and the cure: %s", log)
	}
}

// copyForOthers copies the server to a place where another user may run it.
func copyForOthers(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "server")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, program, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

//go:build kube

package container_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	namespace = "smart-factory"
	label     = "app.kubernetes.io/name=smart-factory-backend"
)

// kubectl runs kubectl in the namespace of the tests.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, "kubectl", append([]string{"-n", namespace}, args...)...)
}

// pod holds the fields of a pod that the tests use.
type pod struct {
	Metadata struct {
		Name              string  `json:"name"`
		DeletionTimestamp *string `json:"deletionTimestamp"`
	} `json:"metadata"`
	Status struct {
		PodIP      string `json:"podIP"`
		Conditions []struct{ Type, Status string }
		Containers []struct {
			RestartCount int `json:"restartCount"`
		} `json:"containerStatuses"`
	} `json:"status"`
}

func (p pod) ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

func (p pod) restarts() (n int) {
	for _, c := range p.Status.Containers {
		n += c.RestartCount
	}
	return n
}

// backends returns the server's pods that are not being deleted.
func backendPods(t *testing.T) (pods []pod) {
	t.Helper()
	var list struct{ Items []pod }
	if err := json.Unmarshal([]byte(kubectl(t, "get", "pods", "-l", label, "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, p := range list.Items {
		if p.Metadata.DeletionTimestamp == nil {
			pods = append(pods, p)
		}
	}
	return pods
}

// allReady reports whether there are exactly n pods and all are ready.
func allReady(t *testing.T, n int) bool {
	t.Helper()
	pods := backendPods(t)
	return len(pods) == n && !slices.ContainsFunc(pods, func(p pod) bool { return !p.ready() })
}

func restarts(t *testing.T) (n int) {
	t.Helper()
	for _, p := range backendPods(t) {
		n += p.restarts()
	}
	return n
}

// waitForRollout waits until a rollout has finished and the old pods are gone.
func waitForRollout(t *testing.T, n int) {
	t.Helper()
	eventually(t, "rollout", func() bool {
		_, code := runAnyExit(t, "kubectl", "-n", namespace, "rollout", "status", "deployment/smart-factory-backend", "--timeout=60s")
		return code == 0
	})
	eventually(t, "the end of the old pods", func() bool {
		return len(strings.Fields(kubectl(t, "get", "pods", "-l", label, "-o", "name"))) == n && allReady(t, n)
	})
}

// TestKubernetes installs the manifests and runs every step on that installation. The steps
// depend on each other.
func TestKubernetes(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := runAnyExit(t, "kubectl", "-n", namespace, "get", "pods,events", "--sort-by=.metadata.creationTimestamp")
			logs, _ := runAnyExit(t, "kubectl", "-n", namespace, "logs", "-l", label, "--tail", "15", "--prefix")
			t.Logf("%s\n%s", out, logs)
		}
		output(t, "kubectl", "delete", "namespace", namespace, "--ignore-not-found", "--timeout=150s")
	})
	began := time.Now()
	output(t, "kubectl", "apply", "-f", "../../../k8s/")
	secret := output(t, "../../../.ci/kube-secret")
	if out, errs, code := execute(t, secret, "kubectl", "apply", "-f", "-"); code != 0 {
		t.Fatalf("secret: %s%s", out, errs)
	}
	waitForRollout(t, 3)
	t.Logf("three pods ready after %v", time.Since(began).Round(time.Second))
	k := &cluster{key: secretOf(field(secret, "API_KEYS")), addr: kubectl(t, "get", "service", "smart-factory-backend", "-o", "jsonpath={.spec.clusterIP}") + ":80"}

	for _, step := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"the service responds", k.serviceResponds},
		{"network policies block all other connections", k.policies},
		{"a rollout under load fails no request", k.rollout},
		{"the autoscaler reads the CPU usage", k.autoscaler},
		{"a pod without its database is not ready and not restarted", k.databaseOutage},
		{"a resized pod changes its number of workers", k.resize},
		{"evictions respect the disruption budget", k.evict},
		{"a frozen pod is restarted by its liveness probe", k.frozenPod},
		{"a pod whose workers all fail is restarted", k.workersFail},
		{"the cluster accepts the other overlays", k.overlays},
	} {
		if !t.Run(step.name, step.do) {
			t.FailNow()
		}
	}
}

// field returns a value from the YAML text of a Secret.
func field(text, name string) string {
	_, after, _ := strings.Cut(text, name+": ")
	line, _, _ := strings.Cut(after, "\n")
	return strings.Trim(line, "'")
}

type cluster struct{ key, addr string }

func (k *cluster) serviceResponds(t *testing.T) {
	eventually(t, "the service", func() bool { return respondsOK(k.addr, "/api/health") })
	if status, body, err := request(k.addr, "", "GET", "/api/v1/latest", ""); err != nil || status != http.StatusUnauthorized {
		t.Errorf("GET /api/v1/latest without a key = %d %s, %v, want 401", status, body, err)
	}
	w := startLoad(k.addr, k.key, "first", 4)
	w.waitForMore(t, 50)
	if lost := w.stopAndReport(t); len(lost) > 0 {
		t.Errorf("%d requests failed, the first: %v", len(lost), lost[0])
	}
	w.checkStored(t, k.addr)
}

func (k *cluster) rollout(t *testing.T) {
	const sockets = 60
	w := startLoad(k.addr, k.key, "rollout", 16)
	s := startSubscribers(k.addr, k.key, sockets)
	eventually(t, "subscribers", func() bool { n, events := s.counts(); return n == sockets && events > 0 })
	w.waitForMore(t, 200)
	kubectl(t, "rollout", "restart", "deployment/smart-factory-backend")
	waitForRollout(t, 3)
	eventually(t, "reconnected subscribers", func() bool { n, _ := s.counts(); return n == sockets })
	w.waitForMore(t, 100)
	if lost := w.stopAndReport(t); len(lost) > 0 {
		t.Errorf("%d requests failed, the first: %v", len(lost), lost[0])
	}
	codes := s.stopAndReport(t)
	if codes[1001] < sockets || len(codes) != 1 {
		t.Errorf("close codes by count = %v, want only 1001, at least %d", codes, sockets)
	}
	w.checkStored(t, k.addr)
}

func (k *cluster) databaseOutage(t *testing.T) {
	before := restarts(t)
	kubectl(t, "scale", "statefulset/postgres", "--replicas=0")
	eventually(t, "no pod ready", func() bool {
		return !slices.ContainsFunc(backendPods(t), func(p pod) bool { return p.ready() })
	})
	// Longer than it would take the liveness probe to restart a pod.
	if within(45*time.Second, func() bool { return restarts(t) != before }) {
		t.Error("a pod was restarted during the outage of its database")
	}
	for _, p := range backendPods(t) {
		if status, body, err := request(p.Status.PodIP+":3000", "", "GET", "/api/health", ""); err != nil || status != http.StatusOK {
			t.Errorf("health of %s = %d %s %v, want 200", p.Metadata.Name, status, body, err)
		}
		if _, body, err := request(p.Status.PodIP+":9464", "", "GET", "/metrics", ""); err != nil || !strings.Contains(body, "\nsmartfactory_store_ready 0\n") {
			t.Errorf("metrics of %s (%v) lack smartfactory_store_ready 0", p.Metadata.Name, err)
		}
	}
	kubectl(t, "scale", "statefulset/postgres", "--replicas=1")
	eventually(t, "all ready again", func() bool { return allReady(t, 3) })
	if now := restarts(t); now != before {
		t.Errorf("%d restarts, want %d as before", now, before)
	}
}

// autoscaler requires a metrics-server in the cluster.
func (k *cluster) autoscaler(t *testing.T) {
	const path = "jsonpath={.status.currentMetrics[0].resource.current.averageValue} {.status.conditions[?(@.type=='ScalingActive')].status}"
	eventually(t, "the pods' CPU in the autoscaler", func() bool {
		figure, active, _ := strings.Cut(kubectl(t, "get", "hpa", "smart-factory-backend", "-o", path), " ")
		return figure != "" && active == "True"
	})
	t.Log(kubectl(t, "get", "hpa", "smart-factory-backend"))
}

// workers returns the number of workers that a pod reports.
func workers(t *testing.T, name string) int {
	t.Helper()
	out, errs, code := execute(t, "", "kubectl", "-n", namespace, "exec", name, "--", "/smart-factory-backend", "status", "--json")
	var s struct{ Workers []struct{} }
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 {
		t.Logf("status of %s: %d %v %s%s", name, code, err, out, errs)
	}
	return len(s.Workers)
}

func (k *cluster) resize(t *testing.T) {
	name := backendPods(t)[0].Metadata.Name
	before := restarts(t)
	patch := func(cpu string) {
		kubectl(t, "patch", "pod", name, "--subresource", "resize", "--patch",
			`{"spec":{"containers":[{"name":"backend","resources":{"limits":{"cpu":"`+cpu+`"}}}]}}`)
	}
	if n := workers(t, name); n != 2 {
		t.Fatalf("%d workers at a limit of 2 CPUs, want 2", n)
	}
	for _, step := range []struct {
		cpu  string
		want int
	}{{"1", 1}, {"2", 2}} {
		patch(step.cpu)
		began := time.Now()
		eventually(t, "workers at a limit of "+step.cpu, func() bool { return workers(t, name) == step.want })
		t.Logf("%d workers %v after the limit changed to %s", step.want, time.Since(began).Round(time.Second), step.cpu)
	}
	if now := restarts(t); now != before {
		t.Errorf("%d restarts, want %d as before", now, before)
	}
}

func (k *cluster) evict(t *testing.T) {
	evict := func(name string) (string, int) {
		body := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":%q}}`, name, namespace)
		out, errs, code := execute(t, body, "kubectl", "create", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+name+"/eviction", "-f", "-")
		return out + errs, code
	}
	pods := backendPods(t)
	if out, code := evict(pods[0].Metadata.Name); code != 0 {
		t.Fatalf("first eviction: %s, want it accepted", out)
	}
	if out, code := evict(pods[1].Metadata.Name); code == 0 || !strings.Contains(out, "disruption budget") {
		t.Errorf("second eviction during the first: exit code %d, %s, want it refused by the budget", code, out)
	}
	waitForRollout(t, 3)
	if out, code := evict(pods[1].Metadata.Name); code != 0 {
		t.Errorf("second eviction after the first: %s, want it accepted", out)
	}
	waitForRollout(t, 3)
}

// podProcess returns the server process of a pod. Being process 1, it cannot be suspended
// from inside the pod, so podProcess searches this machine, which must be the node.
func podProcess(t *testing.T, name string) *os.Process {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range processes {
		command, _ := os.ReadFile(dir + "/cmdline") // it may have ended by now
		environment, _ := os.ReadFile(dir + "/environ")
		if string(command) != "/smart-factory-backend\x00" || !slices.Contains(strings.Split(string(environment), "\x00"), "HOSTNAME="+name) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			t.Fatal(err)
		}
		p, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Fatalf("no process of %s on this machine: run the test on the cluster's node, as root", name)
	return nil
}

func (k *cluster) frozenPod(t *testing.T) {
	before := map[string]int{}
	for _, p := range backendPods(t) {
		before[p.Metadata.Name] = p.restarts()
	}
	victim, total := backendPods(t)[0].Metadata.Name, restarts(t)
	w := startLoad(k.addr, k.key, "frozen", 8)
	w.waitForMore(t, 50)
	began := time.Now()
	if err := podProcess(t, victim).Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the frozen pod out of the service", func() bool { return !allReady(t, 3) })
	t.Logf("out of the service after %v", time.Since(began).Round(time.Second))
	w.waitForMore(t, 200) // from the other pods
	eventually(t, "a restart", func() bool { return restarts(t) > total })
	t.Logf("restarted after %v", time.Since(began).Round(time.Second))
	eventually(t, "all ready again", func() bool { return allReady(t, 3) })
	for _, p := range backendPods(t) {
		if got, want := p.restarts() > before[p.Metadata.Name], p.Metadata.Name == victim; got != want {
			t.Errorf("%s restarted = %v, want %v", p.Metadata.Name, got, want)
		}
	}
	events := kubectl(t, "get", "events", "--field-selector", "involvedObject.name="+victim, "-o", "jsonpath={.items[*].message}")
	if !strings.Contains(events, "failed liveness probe") {
		t.Errorf("events of %s = %s, want a failed liveness probe", victim, events)
	}
	w.stopAndReport(t) // requests in flight at the frozen pod fail
	w.checkStored(t, k.addr)
}

func (k *cluster) workersFail(t *testing.T) {
	kubectl(t, "patch", "configmap", "smart-factory-backend", "--patch", `{"data":{"NODE_ENV":"development","FAULT_INJECTION":"true","WORKER_MAX_RESTARTS":"2"}}`)
	kubectl(t, "rollout", "restart", "deployment/smart-factory-backend")
	waitForRollout(t, 3)
	victim := backendPods(t)[0]
	w := startLoad(k.addr, k.key, "others", 4)
	eventually(t, "a restart", func() bool {
		_, _, _ = request(victim.Status.PodIP+":3000", k.key, "POST", "/api/faults/worker", "") // the last request gets no response
		return restarts(t) > 0
	})
	eventually(t, "all ready again", func() bool { return allReady(t, 3) })
	for _, p := range backendPods(t) {
		if want := p.Metadata.Name == victim.Metadata.Name; (p.restarts() > 0) != want {
			t.Errorf("%s was restarted %d times", p.Metadata.Name, p.restarts())
		}
	}
	last := kubectl(t, "get", "pod", victim.Metadata.Name, "-o", "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}")
	if last != "70" {
		t.Errorf("exit code %s, want 70", last)
	}
	w.stopAndReport(t) // connections to the failed pod may have been closed
	w.checkStored(t, k.addr)
}

func (k *cluster) overlays(t *testing.T) {
	output(t, "kubectl", "apply", "--dry-run=server", "-k", "../../../k8s/overlays/production")
	output(t, "kubectl", "delete", "namespace", namespace, "--timeout=150s")
	output(t, "kubectl", "apply", "-k", "../../../k8s/overlays/dev")
	waitForRollout(t, 1)
	addr := kubectl(t, "get", "service", "smart-factory-backend", "-o", "jsonpath={.spec.clusterIP}") + ":80"
	w := startLoad(addr, "", "dev", 4)
	w.waitForMore(t, 50)
	_ = w.stopAndReport(t)
	kubectl(t, "rollout", "restart", "deployment/smart-factory-backend")
	waitForRollout(t, 1)
	eventually(t, "the service", func() bool { return respondsOK(addr, "/api/health/ready") })
	w.checkStored(t, addr)
}

// TestKubectlReachesACluster gives a clear error if kubectl has no cluster.
func TestKubectlReachesACluster(t *testing.T) {
	if out, err := exec.Command("kubectl", "version").CombinedOutput(); err != nil {
		t.Fatalf("kubectl version: %v\n%s", err, out)
	}
}

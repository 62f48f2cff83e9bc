//go:build kube

package container_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// prober is a pod with a shell. It is never ready, so that no Service takes it
// for a backend whose labels it may have.
const probePod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "prober", "namespace": %q, "labels": %s}, "spec": {
	"terminationGracePeriodSeconds": 0,
	"readinessGates": [{"conditionType": "smart-factory/never"}],
	"securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
	"containers": [{"name": "shell", "image": %q, "command": ["sleep", "3600"],
		"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}`

// startProber runs a prober until the end of the test.
func startProbePod(t *testing.T, namespace, labels string) {
	t.Helper()
	manifest, err := os.ReadFile("../../../k8s/smart-factory.yaml")
	if err != nil {
		t.Fatal(err)
	}
	image := regexp.MustCompile(`image: (postgres:\S+)`).FindSubmatch(manifest) // it has a shell
	if image == nil {
		t.Fatal("the manifests have no PostgreSQL")
	}
	t.Cleanup(func() {
		output(t, "kubectl", "-n", namespace, "delete", "pod", "prober", "--ignore-not-found", "--timeout=60s")
	})
	in := fmt.Sprintf(probePod, namespace, labels, image[1])
	if out, errs, code := execute(t, in, "kubectl", "apply", "-f", "-"); code != 0 {
		t.Fatalf("prober in %s: %s%s", namespace, out, errs)
	}
	output(t, "kubectl", "-n", namespace, "wait", "--for=condition=ContainersReady", "pod/prober", "--timeout=60s")
}

// reaches reports whether a prober gets a connection.
func canConnect(t *testing.T, namespace, host, port string) bool {
	t.Helper()
	_, code := runAnyExit(t, "kubectl", "-n", namespace, "exec", "prober", "--",
		"timeout", "5", "bash", "-c", "exec 3<>/dev/tcp/"+host+"/"+port)
	return code == 0
}

// policies: nobody gets further than to the port that is for all, save who is
// named, and a backend gets no further than to its stores.
func (k *cluster) policies(t *testing.T) {
	if _, code := runAnyExit(t, "kubectl", "create", "namespace", "monitoring"); code == 0 {
		t.Cleanup(func() { output(t, "kubectl", "delete", "namespace", "monitoring", "--timeout=100s") })
	}
	server := backendPods(t)[0].Status.PodIP // before there is a prober that looks like one
	const backend = `{"app.kubernetes.io/name": "smart-factory-backend", "app.kubernetes.io/component": "backend"}`
	startProbePod(t, "default", "{}")
	startProbePod(t, "monitoring", "{}")
	startProbePod(t, namespace, backend)
	address := func(pod string) string {
		return kubectl(t, "get", "pod", pod, "-o", "jsonpath={.status.podIP}")
	}
	postgres, redis := address("postgres-0"), address("redis-0")
	api := strings.TrimSpace(output(t, "kubectl", "-n", "default", "get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"))
	// Each prober begins with a way that is open, which shows that it can speak.
	for _, way := range []struct {
		from, to, host, port string
		open                 bool
	}{
		{"default", "the server", server, "3000", true},
		{"default", "the server's metrics", server, "9464", false},
		{"default", "PostgreSQL", postgres, "5432", false},
		{"default", "Redis", redis, "6379", false},
		{"monitoring", "the server's metrics", server, "9464", true},
		{"monitoring", "PostgreSQL", postgres, "5432", false},
		{namespace, "PostgreSQL, by its name", "postgres", "5432", true},
		{namespace, "Redis, by its name", "redis", "6379", true},
		{namespace, "the cluster's API", api, "443", false},
	} {
		asked := func() bool { return canConnect(t, way.from, way.host, way.port) == way.open }
		// A plugin may need a moment to learn of a new pod.
		if !within(waitTimeout, asked) || !asked() {
			t.Errorf("from %s to %s: open is %v, want %v; does the cluster's network enforce policies?", way.from, way.to, !way.open, way.open)
		}
	}
}

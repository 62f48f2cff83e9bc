//go:build kube

package container_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// probePod is a pod with a shell. It is never ready, so that no Service routes to it, even
// if it has the labels of a backend.
const probePod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": %q, "labels": %s}, "spec": {
	"terminationGracePeriodSeconds": 0,
	"readinessGates": [{"conditionType": "smart-factory/never"}],
	"securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
	"containers": [{"name": "shell", "image": %q, "command": ["sleep", "3600"],
		"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}`

// startProbePod runs a probe pod until the test ends.
func startProbePod(t *testing.T, namespace, labels string) {
	t.Helper()
	manifest, err := os.ReadFile("../../../k8s/smart-factory.yaml")
	if err != nil {
		t.Fatal(err)
	}
	image := regexp.MustCompile(`image: (postgres:\S+)`).FindSubmatch(manifest) // the image has a shell
	if image == nil {
		t.Fatal("the manifests have no PostgreSQL")
	}
	t.Cleanup(func() {
		output(t, "kubectl", "-n", namespace, "delete", "pod", "probe", "--ignore-not-found", "--timeout=60s")
	})
	in := fmt.Sprintf(probePod, namespace, labels, image[1])
	if out, errs, code := execute(t, in, "kubectl", "apply", "-f", "-"); code != 0 {
		t.Fatalf("probe pod in %s: %s%s", namespace, out, errs)
	}
	output(t, "kubectl", "-n", namespace, "wait", "--for=condition=ContainersReady", "pod/probe", "--timeout=60s")
}

// canConnect reports whether the probe pod of a namespace can connect.
func canConnect(t *testing.T, namespace, host, port string) bool {
	t.Helper()
	_, code := runAnyExit(t, "kubectl", "-n", namespace, "exec", "probe", "--",
		"timeout", "5", "bash", "-c", "exec 3<>/dev/tcp/"+host+"/"+port)
	return code == 0
}

// policies checks that other pods reach only the public port unless a policy names them,
// and that a backend reaches only its stores.
func (k *cluster) policies(t *testing.T) {
	if _, code := runAnyExit(t, "kubectl", "create", "namespace", "monitoring"); code == 0 {
		t.Cleanup(func() { output(t, "kubectl", "delete", "namespace", "monitoring", "--timeout=100s") })
	}
	server := backendPods(t)[0].Status.PodIP // before a probe pod has the same labels
	const backend = `{"app.kubernetes.io/name": "smart-factory-backend", "app.kubernetes.io/component": "backend"}`
	startProbePod(t, "default", "{}")
	startProbePod(t, "monitoring", "{}")
	startProbePod(t, namespace, backend)
	address := func(pod string) string {
		return kubectl(t, "get", "pod", pod, "-o", "jsonpath={.status.podIP}")
	}
	postgres, redis := address("postgres-0"), address("redis-0")
	api := strings.TrimSpace(output(t, "kubectl", "-n", "default", "get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"))
	// The first connection of each probe pod is permitted, which shows that the pod works.
	for _, connection := range []struct {
		from, to, host, port string
		permitted            bool
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
		asked := func() bool {
			return canConnect(t, connection.from, connection.host, connection.port) == connection.permitted
		}
		// A network plugin may learn of a new pod with a delay.
		if !within(waitTimeout, asked) || !asked() {
			t.Errorf("connection from %s to %s permitted = %v, want %v; does the cluster's network enforce policies?", connection.from, connection.to, !connection.permitted, connection.permitted)
		}
	}
}

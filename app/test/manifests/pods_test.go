package manifests_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// The admission controller accepts every pod under the security standard "restricted".
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	rules, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants(t) {
		for _, n := range objectsOf[*corev1.Namespace](v) {
			if n.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
				t.Errorf("%s: the namespace does not enforce restricted", v.name)
			}
		}
		for name, pod := range pods(v) {
			results := rules.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec)
			if r := policy.AggregateCheckResults(results); !r.Allowed {
				t.Errorf("%s: %s is not restricted: %s", v.name, name, r.ForbiddenDetail())
			}
			if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken {
				t.Errorf("%s: %s mounts a service account token", v.name, name)
			}
			// The image of PostgreSQL has the user 999.
			if s := pod.Spec.SecurityContext; name != "postgres" && (*s.RunAsUser <= 10000 || *s.RunAsGroup <= 10000) {
				t.Errorf("%s: %s runs as %d:%d, want ids over 10000, which no user of the node has", v.name, name, *s.RunAsUser, *s.RunAsGroup)
			}
			for _, c := range pod.Spec.Containers {
				if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
					t.Errorf("%s: %s has a writable root", v.name, name)
				}
				for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
					request, requested := c.Resources.Requests[r]
					if limit, limited := c.Resources.Limits[r]; !requested || !limited || request.Cmp(limit) > 0 {
						t.Errorf("%s: %s has no valid request and limit of %s", v.name, name, r)
					}
				}
			}
		}
	}
}

func TestEnvironmentIsKnownToTheServer(t *testing.T) {
	t.Parallel()
	known, files := variables(t), secretFiles(t)
	for _, v := range variants(t) {
		env := settings(t, v)
		mounted := backend(t, v).Spec.Template.Spec.Containers[0].VolumeMounts
		for name, value := range env {
			if !known[name] {
				t.Errorf("%s sets %s, which the server does not know", v.name, name)
			}
			if file, ok := files[name]; ok {
				if !slices.ContainsFunc(mounted, func(m corev1.VolumeMount) bool { return m.MountPath == path.Dir(value) }) {
					t.Errorf("%s: %s is in no mounted directory", v.name, value)
				}
				env[name] = file
			}
		}
		checkConfigAccepted(t, v.name, env)
	}
}

// A running server answers the requests of all probes with 200.
func TestProbePathsAreServed(t *testing.T) {
	t.Parallel()
	addr := serve(t)
	for _, v := range variants(t) {
		c := backend(t, v).Spec.Template.Spec.Containers[0]
		env := settings(t, v)
		ports := map[string]string{"http": env["PORT"], "admin": strings.TrimPrefix(env["ADMIN_ADDR"], ":")}
		for _, p := range c.Ports {
			if ports[p.Name] != fmt.Sprint(p.ContainerPort) {
				t.Errorf("%s: port %s = %d, want %s, on which the server listens", v.name, p.Name, p.ContainerPort, ports[p.Name])
			}
		}
		pod := backend(t, v).Spec.Template
		if pod.Annotations["prometheus.io/port"] != ports["admin"] || pod.Annotations["prometheus.io/path"] != "/metrics" {
			t.Errorf("%s: annotations %v, want the admin port and /metrics for Prometheus", v.name, pod.Annotations)
		}
		for name, want := range map[string]struct {
			probe *corev1.Probe
			path  string
		}{
			"startup":   {c.StartupProbe, "/api/health/startup"},
			"liveness":  {c.LivenessProbe, "/api/health"},
			"readiness": {c.ReadinessProbe, "/api/health/ready"},
		} {
			if want.probe == nil || want.probe.HTTPGet == nil || want.probe.HTTPGet.Path != want.path || want.probe.HTTPGet.Port.StrVal != "http" {
				t.Errorf("%s: %s probe = %v, want %s on port http", v.name, name, want.probe, want.path)
				continue
			}
			if status := get(t, addr, want.probe.HTTPGet.Path); status != http.StatusOK {
				t.Errorf("response to the %s probe = %d, want 200", name, status)
			}
		}
	}
}

// serve runs the server on a free port and waits until it accepts connections.
func serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, binary)
	_, port, _ := net.SplitHostPort(addr)
	cmd.Env = []string{"HOST=127.0.0.1", "PORT=" + port, "ADMIN_ADDR=", "DATA_DIR=" + dir, "CONTROL_SOCKET=" + path.Join(dir, "c")}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return addr
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the server does not start")
		}
	}
}

func get(t *testing.T, addr, path string) int {
	t.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// command returns the output of a program.
func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

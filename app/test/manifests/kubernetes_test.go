package manifests_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

var update = flag.Bool("update", false, "write k8s/smart-factory.yaml")

const (
	generatedFile = "k8s/smart-factory.yaml"
	header        = "# Made from k8s/base by \"make manifests\": change it there.\n"
)

// "kubectl apply -f k8s/" and the overlays use the same manifests. With -update the test
// writes the file.
func TestFilesAndBaseAgree(t *testing.T) {
	t.Parallel()
	want := header + string(build(t, filepath.Join(root, "k8s/base")))
	if *update {
		if err := os.WriteFile(filepath.Join(root, generatedFile), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if names := manifestFiles(t); !slices.Equal(names, []string{filepath.Base(generatedFile)}) {
		t.Errorf("kubectl apply -f k8s/ reads %v, want only %s", names, generatedFile)
	}
	if read(t, generatedFile) != want {
		t.Errorf("%s differs from the output of k8s/base; run make manifests", generatedFile)
	}
	if _, first := decode(t, generatedFile, []byte(want))[0].(*corev1.Namespace); !first {
		t.Errorf("%s does not begin with the namespace", generatedFile)
	}
}

func TestEveryManifestIsUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "k8s/*/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	overlays, err := filepath.Glob(filepath.Join(root, "k8s/overlays/*/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(files, overlays...) {
		dir, name := filepath.Split(path)
		if name == "kustomization.yaml" {
			continue
		}
		list, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
		if err != nil || !strings.Contains(string(list), name) {
			t.Errorf("no kustomization uses %s (%v)", path, err)
		}
	}
}

func TestEveryObjectIsLabelledAndInItsNamespace(t *testing.T) {
	t.Parallel()
	for _, v := range variants(t) {
		for _, o := range v.objects {
			m, err := meta.Accessor(o)
			if err != nil {
				t.Fatal(err)
			}
			id := v.name + ": " + identity(t, o)
			if m.GetLabels()["app.kubernetes.io/part-of"] != "smart-factory" {
				t.Errorf("%s is not labelled app.kubernetes.io/part-of", id)
			}
			if _, cluster := o.(*corev1.Namespace); !cluster && m.GetNamespace() != "smart-factory" {
				t.Errorf("%s is outside the namespace", id)
			}
			if _, secret := o.(*corev1.Secret); secret {
				t.Errorf("%s: the repository must not contain a Secret", id)
			}
		}
		for name, pod := range pods(v) {
			for _, label := range []string{"name", "component", "part-of"} {
				if pod.Labels["app.kubernetes.io/"+label] == "" {
					t.Errorf("%s: pods of %s are not labelled app.kubernetes.io/%s", v.name, name, label)
				}
			}
		}
	}
}

// Every selector matches at least one pod, and every backend reference exists.
func TestSelectorsFindTheirPods(t *testing.T) {
	t.Parallel()
	for _, v := range variants(t) {
		finds := func(what string, s labels.Selector) {
			for _, pod := range pods(v) {
				if s.Matches(labels.Set(pod.Labels)) {
					return
				}
			}
			t.Errorf("%s: %s selects no pod", v.name, what)
		}
		selector := func(s *metav1.LabelSelector) labels.Selector {
			found, err := metav1.LabelSelectorAsSelector(s)
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		for _, s := range objectsOf[*corev1.Service](v) {
			finds("service "+s.Name, labels.SelectorFromSet(s.Spec.Selector))
			for _, port := range s.Spec.Ports {
				if !hasPort(v, s.Spec.Selector, port.TargetPort.StrVal) {
					t.Errorf("%s: service %s has target port %q, which no container names", v.name, s.Name, port.TargetPort.StrVal)
				}
			}
		}
		for _, p := range objectsOf[*policyv1.PodDisruptionBudget](v) {
			finds("budget "+p.Name, selector(p.Spec.Selector))
		}
		for _, p := range objectsOf[*networkingv1.NetworkPolicy](v) {
			finds("policy "+p.Name, selector(&p.Spec.PodSelector))
		}
		for _, c := range backend(t, v).Spec.Template.Spec.TopologySpreadConstraints {
			finds("spread over "+c.TopologyKey, selector(c.LabelSelector))
		}
		for _, h := range objectsOf[*autoscalingv2.HorizontalPodAutoscaler](v) {
			if d := backend(t, v); h.Spec.ScaleTargetRef.Kind != "Deployment" || h.Spec.ScaleTargetRef.Name != d.Name {
				t.Errorf("%s: the autoscaler scales %v, want the backend", v.name, h.Spec.ScaleTargetRef)
			}
		}
		for _, i := range objectsOf[*networkingv1.Ingress](v) {
			for _, rule := range i.Spec.Rules {
				for _, path := range rule.HTTP.Paths {
					to := path.Backend.Service
					if !slices.ContainsFunc(objectsOf[*corev1.Service](v), func(s *corev1.Service) bool {
						return s.Name == to.Name && slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == to.Port.Name })
					}) {
						t.Errorf("%s: ingress %s has backend %s:%s, which no service has", v.name, i.Name, to.Name, to.Port.Name)
					}
				}
			}
		}
		for _, m := range objectsOf[*serviceMonitor](v) {
			if !slices.ContainsFunc(objectsOf[*corev1.Service](v), func(s *corev1.Service) bool {
				return selector(&m.Spec.Selector).Matches(labels.Set(s.Labels)) && s.Spec.Ports[0].Name == m.Spec.Endpoints[0].Port
			}) {
				t.Errorf("%s: the ServiceMonitor selects no service", v.name)
			}
		}
	}
}

// hasPort reports whether a selected pod names the port.
func hasPort(v variant, selector map[string]string, port string) bool {
	for _, pod := range pods(v) {
		if !labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
			continue
		}
		for _, c := range pod.Spec.Containers {
			if slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == port }) {
				return true
			}
		}
	}
	return false
}

// closeTime is how long the server may need after SHUTDOWN_TIMEOUT to commit and close.
const closeTime = 10 * time.Second

func TestGracePeriodIsLongEnough(t *testing.T) {
	t.Parallel()
	for _, v := range variants(t) {
		spec, env := backend(t, v).Spec.Template.Spec, settings(t, v)
		need := closeTime
		for _, name := range []string{"SHUTDOWN_DELAY", "SHUTDOWN_TIMEOUT"} {
			d, err := time.ParseDuration(env[name])
			if err != nil {
				t.Fatalf("%s: %s: %v", v.name, name, err)
			}
			need += d
		}
		if hook := spec.Containers[0].Lifecycle; hook == nil || hook.PreStop == nil || hook.PreStop.Sleep == nil {
			t.Errorf("%s: no preStop sleep", v.name)
		} else {
			need += time.Duration(hook.PreStop.Sleep.Seconds) * time.Second
		}
		if grace := time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second; grace < need {
			t.Errorf("%s: terminationGracePeriodSeconds = %v, want at least %v", v.name, grace, need)
		}
	}
}

func TestRolloutLosesNoCapacity(t *testing.T) {
	t.Parallel()
	for _, v := range variants(t) {
		d := backend(t, v)
		if v.name == "dev" {
			continue // it has an embedded store, which only one pod can use
		}
		scalers := objectsOf[*autoscalingv2.HorizontalPodAutoscaler](v)
		if len(scalers) != 1 || *scalers[0].Spec.MinReplicas != 3 {
			t.Errorf("%s: autoscalers %v, want one with at least three replicas", v.name, scalers)
		}
		if d.Spec.Replicas != nil && *d.Spec.Replicas != 3 { // without a number the autoscaler sets it
			t.Errorf("%s: %d replicas, want 3", v.name, *d.Spec.Replicas)
		}
		rolling := d.Spec.Strategy.RollingUpdate
		if rolling.MaxUnavailable.IntValue() != 0 || rolling.MaxSurge.IntValue() != 1 {
			t.Errorf("%s: rolling update %v, want surge 1, unavailable 0", v.name, rolling)
		}
		if budgets := objectsOf[*policyv1.PodDisruptionBudget](v); len(budgets) != 1 {
			t.Errorf("%s: %d disruption budgets, want 1", v.name, len(budgets))
		}
	}
}

// The Secret that .ci/kube-secret prints has every key that a pod mounts.
func TestSecretHasEveryMountedKey(t *testing.T) {
	t.Parallel()
	printed := command(t, filepath.Join(root, ".ci/kube-secret"))
	secret := decode(t, ".ci/kube-secret", printed)[0].(*corev1.Secret)
	if again := command(t, filepath.Join(root, ".ci/kube-secret")); bytes.Equal(printed, again) {
		t.Error(".ci/kube-secret generated the same passwords twice")
	}
	const apiKeys = "ops:admin:it's #1: 100%"
	given := decode(t, ".ci/kube-secret", command(t, "env", "API_KEYS="+apiKeys, filepath.Join(root, ".ci/kube-secret")))[0].(*corev1.Secret)
	if got := given.StringData["API_KEYS"]; got != apiKeys {
		t.Errorf("API_KEYS in the Secret = %q, want %q", got, apiKeys)
	}
	for _, v := range variants(t) {
		for name, pod := range pods(v) {
			for _, volume := range pod.Spec.Volumes {
				if volume.Secret == nil {
					continue
				}
				if volume.Secret.SecretName != secret.Name {
					t.Errorf("%s: %s mounts secret %s, want that of .ci/kube-secret", v.name, name, volume.Secret.SecretName)
				}
				for _, item := range volume.Secret.Items {
					if secret.StringData[item.Key] == "" {
						t.Errorf("%s: %s mounts the key %s, which the Secret lacks", v.name, name, item.Key)
					}
				}
			}
		}
	}
}

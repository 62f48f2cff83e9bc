package manifests_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// serviceMonitor has the fields of the Prometheus operator's ServiceMonitor that ours uses.
type serviceMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Path     string `json:"path"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// DeepCopyObject implements runtime.Object. The copy is shallow and is never modified.
func (m *serviceMonitor) DeepCopyObject() runtime.Object { c := *m; return &c }

// decoder rejects unknown and duplicate fields.
var decoder = func() runtime.Decoder {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	s.AddKnownTypeWithName(schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"}, &serviceMonitor{})
	return serializer.NewCodecFactory(s, serializer.EnableStrict).UniversalDeserializer()
}()

// variant is a set of manifests that a command of the manual applies.
type variant struct {
	name    string
	text    []byte
	objects []runtime.Object
}

// variants returns the files of k8s/ and each overlay.
func variants(t *testing.T) []variant {
	t.Helper()
	text := appliedManifests(t)
	list := []variant{{"k8s", text, decode(t, "k8s", text)}}
	overlays, err := filepath.Glob(filepath.Join(root, "k8s/overlays/*/kustomization.yaml"))
	if err != nil || len(overlays) < 3 {
		t.Fatalf("overlays = %v, %v, want three at least", overlays, err)
	}
	for _, path := range overlays {
		dir := filepath.Dir(path)
		text := build(t, dir)
		list = append(list, variant{filepath.Base(dir), text, decode(t, dir, text)})
	}
	return list
}

// appliedManifests returns what "kubectl apply -f k8s/" reads.
func appliedManifests(t *testing.T) []byte {
	t.Helper()
	var text bytes.Buffer
	for _, name := range manifestFiles(t) {
		text.WriteString("---\n" + read(t, "k8s/"+name))
	}
	return text.Bytes()
}

func manifestFiles(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "k8s"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names
}

// build returns what "kubectl apply -k" applies.
func build(t *testing.T, dir string) []byte {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("kustomize build %s: %v", dir, err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decode(t *testing.T, name string, text []byte) (objects []runtime.Object) {
	t.Helper()
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.TrimSpace(strings.ReplaceAll(string(document), "---", "")) == "" {
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Errorf("%s: %v in %.120q", name, err, document)
			continue
		}
		objects = append(objects, object)
	}
}

// identity returns the kind, namespace and name of an object.
func identity(t *testing.T, o runtime.Object) string {
	t.Helper()
	m, err := meta.Accessor(o)
	if err != nil {
		t.Fatal(err)
	}
	return o.GetObjectKind().GroupVersionKind().Kind + " " + m.GetNamespace() + "/" + m.GetName()
}

// objectsOf returns the objects of type T.
func objectsOf[T any](v variant) (found []T) {
	for _, o := range v.objects {
		if object, ok := o.(T); ok {
			found = append(found, object)
		}
	}
	return found
}

// pods returns the pod templates by the name of their Deployment or StatefulSet.
func pods(v variant) map[string]corev1.PodTemplateSpec {
	found := map[string]corev1.PodTemplateSpec{}
	for _, d := range objectsOf[*appsv1.Deployment](v) {
		found[d.Name] = d.Spec.Template
	}
	for _, s := range objectsOf[*appsv1.StatefulSet](v) {
		found[s.Name] = s.Spec.Template
	}
	return found
}

// backend returns the server's Deployment.
func backend(t *testing.T, v variant) *appsv1.Deployment {
	t.Helper()
	for _, d := range objectsOf[*appsv1.Deployment](v) {
		if d.Name == "smart-factory-backend" {
			return d
		}
	}
	t.Fatalf("%s has no Deployment of the server", v.name)
	return nil
}

// settings returns the environment of the server's container.
func settings(t *testing.T, v variant) map[string]string {
	t.Helper()
	env := map[string]string{}
	c := backend(t, v).Spec.Template.Spec.Containers[0]
	for _, from := range c.EnvFrom {
		for _, m := range objectsOf[*corev1.ConfigMap](v) {
			if from.ConfigMapRef != nil && m.Name == from.ConfigMapRef.Name {
				maps.Copy(env, m.Data)
			}
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	if env["NODE_ENV"] == "" {
		t.Errorf("%s: the container has no variables of the ConfigMap", v.name)
	}
	return env
}

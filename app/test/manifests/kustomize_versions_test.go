package manifests_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var kustomizeVersions = regexp.MustCompile(`(?m)^KUSTOMIZE_VERSIONS := (.+)$`)

// Each supported kubectl renders the overlays alike. The other tests render with
// the release of kustomize in kubectl 1.34; here are the oldest one still in use
// and the one in kubectl 1.32, which crashes on patches that both others accept.
func TestOlderKustomizeRendersTheSame(t *testing.T) {
	t.Parallel()
	versions := kustomizeVersions.FindStringSubmatch(read(t, ".ci/tools.mk"))
	if versions == nil {
		t.Fatal(".ci/tools.mk has no KUSTOMIZE_VERSIONS")
	}
	overlays, err := filepath.Glob(filepath.Join(root, "k8s/overlays/*/kustomization.yaml"))
	if err != nil || len(overlays) < 3 {
		t.Fatalf("overlays = %v, %v, want three at least", overlays, err)
	}
	for version := range strings.FieldsSeq(versions[1]) {
		for _, overlay := range overlays {
			dir := filepath.Dir(overlay)
			cmd := exec.CommandContext(t.Context(), "go", "run", "sigs.k8s.io/kustomize/kustomize/v5@"+version, "build", dir)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("kustomize %s build %s: %v\n%s", version, filepath.Base(dir), err, stderr.Bytes())
			} else if want := build(t, dir); !slices.Equal(sortedDocuments(out), sortedDocuments(want)) {
				t.Errorf("kustomize %s build %s differs from the newest release's:\n%s", version, filepath.Base(dir), out)
			}
		}
	}
}

// sortedDocuments splits YAML into its documents. The library and the command
// order them differently.
func sortedDocuments(text []byte) []string {
	documents := strings.Split(string(text), "---\n")
	slices.Sort(documents)
	return documents
}

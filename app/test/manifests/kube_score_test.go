package manifests_test

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var kubeScoreVersion = regexp.MustCompile(`(?m)^KUBE_SCORE_VERSION := (\S+)$`)

// The linter kube-score reports nothing. Exceptions are annotations in the manifests, with
// the reason beside them.
func TestKubeScoreFindsNothing(t *testing.T) {
	t.Parallel()
	version := kubeScoreVersion.FindStringSubmatch(read(t, ".ci/tools.mk"))
	if version == nil {
		t.Fatal(".ci/tools.mk has no KUBE_SCORE_VERSION")
	}
	tool := "github.com/zegl/kube-score/cmd/kube-score@" + version[1]
	for _, v := range variants(t) {
		cmd := exec.CommandContext(t.Context(), "go", "run", tool, "score", "--output-format", "ci",
			"--enable-optional-test", "container-seccomp-profile,container-ports-check", "-")
		cmd.Stdin = bytes.NewReader(v.text)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: kube-score: %v\n%s", v.name, err, stderr.Bytes())
		}
		if !bytes.Contains(out, []byte("[OK] ")) {
			t.Errorf("%s: kube-score checked nothing: %s", v.name, out)
		}
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "[OK] ") && !strings.HasPrefix(line, "[SKIPPED] ") {
				t.Errorf("%s: %s", v.name, strings.TrimSpace(line))
			}
		}
	}
}

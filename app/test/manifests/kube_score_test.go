package manifests_test

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var scorer = regexp.MustCompile(`(?m)^KUBE_SCORE_VERSION := (\S+)$`)

// TestKubeScoreFindsNothing runs the linter kube-score. What it finds is either
// put right or answered, by an annotation with the reason beside it.
func TestKubeScoreFindsNothing(t *testing.T) {
	t.Parallel()
	version := scorer.FindStringSubmatch(read(t, ".ci/tools.mk"))
	if version == nil {
		t.Fatal(".ci/tools.mk names no KUBE_SCORE_VERSION")
	}
	tool := "github.com/zegl/kube-score/cmd/kube-score@" + version[1]
	for _, v := range variants(t) {
		cmd := exec.CommandContext(t.Context(), "go", "run", tool, "score", "--output-format", "ci",
			"--enable-optional-test", "container-seccomp-profile,container-ports-check", "-")
		cmd.Stdin = bytes.NewReader(v.text)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: kube-score: %v\n%s", v.name, err, said.Bytes())
		}
		if !bytes.Contains(out, []byte("[OK] ")) {
			t.Errorf("%s: kube-score has looked at nothing: %s", v.name, out)
		}
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "[OK] ") && !strings.HasPrefix(line, "[SKIPPED] ") {
				t.Errorf("%s: %s", v.name, strings.TrimSpace(line))
			}
		}
	}
}

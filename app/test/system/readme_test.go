//go:build integration

package system_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The commands with curl in README's first ten minutes do what they promise.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "## The first ten minutes")
	section, _, _ = strings.Cut(section, "\n## ")
	p := start(t, t.TempDir())
	var output strings.Builder
	for i, block := range strings.Split(section, "```") {
		commands, isShell := strings.CutPrefix(block, "sh\n")
		if i%2 == 0 || !isShell || !strings.HasPrefix(commands, "curl") && !strings.HasPrefix(commands, "hour=") || strings.Contains(commands, "/faults/") {
			continue
		}
		script := "curl() { command curl -sS --fail-with-body \"$@\"; echo; }\n" + strings.ReplaceAll(commands, "localhost:3000", p.addr)
		out, err := exec.CommandContext(t.Context(), "bash", "-e", "-c", script).CombinedOutput()
		if err != nil {
			t.Errorf("%s\n%s\n%v", commands, out, err)
		}
		output.Write(out)
	}
	for what, want := range map[string]string{
		"the reading":       `"metric":"temperature","unit":"","ts":`,
		"the state":         `"state":"running"`,
		"the OEE":           `"quality":0.95238`,
		"the acknowledging": `"state":"active_acked"`,
	} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("the output lacks %s, which has %s:\n%s", what, want, output.String())
		}
	}
}

package cli_test

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"smart-factory-backend/app/cli"
)

func TestVersionPrefersLinkTimeValues(t *testing.T) {
	t.Parallel()
	info := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123"}
	date := debug.BuildSetting{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	tests := map[string]struct {
		linked [3]string
		info   *debug.BuildInfo
		want   [3]string
	}{
		"nothing is known":         {[3]string{}, info(""), [3]string{"unknown", "unknown", "unknown"}},
		"linked":                   {[3]string{"1.2.3", "abc", "today"}, info("v9", revision, date), [3]string{"1.2.3", "abc", "today"}},
		"recorded":                 {[3]string{}, info("v1.0.0", revision, date), [3]string{"v1.0.0", "0123456789ab", "2026-01-02T03:04:05Z"}},
		"recorded, with changes":   {[3]string{}, info("(devel)", revision, modified), [3]string{"(devel)", "0123456789ab-modified", "unknown"}},
		"linked in part":           {[3]string{"1.2.3"}, info("v9", revision), [3]string{"1.2.3", "0123456789ab", "unknown"}},
		"installed from a commit":  {[3]string{}, info("v1.2.4-0.20260102030405-0123456789ab"), [3]string{"v1.2.4-0.20260102030405-0123456789ab", "0123456789ab", "2026-01-02T03:04:05Z"}},
		"installed from a tag":     {[3]string{}, info("v1.2.3"), [3]string{"v1.2.3", "unknown", "unknown"}},
		"linked commit, unchanged": {[3]string{"", "abc", ""}, info("", modified), [3]string{"unknown", "abc", "unknown"}},
	}
	for name, tt := range tests {
		if got := cli.CompleteBuild(tt.linked[0], tt.linked[1], tt.linked[2], tt.info); got != tt.want {
			t.Errorf("%s: build = %q, want %q", name, got, tt.want)
		}
	}
}

func TestVersionPrints(t *testing.T) {
	t.Parallel()
	got := run(t.Context(), nil, "version")
	if got.code != 0 || !strings.HasPrefix(got.stdout, "smart-factory-backend ") || !strings.Contains(got.stdout, runtime.Version()) {
		t.Errorf("version = %+v, want the program and %s", got, runtime.Version())
	}
	if again := run(t.Context(), nil, "--version"); again != got {
		t.Errorf("--version = %+v, want %+v", again, got)
	}
	var fields map[string]string
	if err := json.Unmarshal([]byte(run(t.Context(), nil, "version", "--json").stdout), &fields); err != nil || fields["go"] != runtime.Version() {
		t.Errorf("version --json = %v, %v, want go to be %s", fields, err, runtime.Version())
	}
}

package config_test

import (
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/config"
)

func TestWarningsNameTheVariableThatWasProbablyMeant(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		variable string
		want     string // "" is no warning
	}{
		"a letter is missing":       {"CLUSTER_WORKER", "CLUSTER_WORKERS"},
		"two letters are swapped":   {"CLUSTER_WROKERS", "CLUSTER_WORKERS"},
		"lower case":                {"cluster_workers", "CLUSTER_WORKERS"},
		"the file of a variable":    {"API_KEY_FILE", "API_KEYS_FILE"},
		"a short name, one letter":  {"PORTS", "PORT"},
		"a short name, two letters": {"HOME", ""},
		"an unrelated name":         {"WORKERS", ""},
		"a known variable":          {"MAX_SERIES", ""},
	}
	for name, tt := range tests {
		warnings := config.Default().Warnings([]string{tt.variable + "=2"})
		i := slices.IndexFunc(warnings, func(w config.Warning) bool { return w.Variable == tt.variable })
		switch {
		case tt.want == "" && i >= 0:
			t.Errorf("%s: Warnings(%s) = %q, want none about it", name, tt.variable, warnings)
		case tt.want != "" && (i < 0 || !strings.Contains(warnings[i].Message, "was "+tt.want+" meant")):
			t.Errorf("%s: Warnings(%s) = %q, want one that names %s", name, tt.variable, warnings, tt.want)
		}
	}
}

func TestWarningsReportMissingKeysOnceInDevelopment(t *testing.T) {
	t.Parallel()
	if got := config.Default().Warnings(nil); len(got) != 1 || got[0].Variable != "API_KEYS" {
		t.Errorf("Warnings() without keys = %q, want one about API_KEYS", got)
	}
	c, problems := load(t, map[string]string{"API_KEYS": goodKeys})
	if got := c.Warnings(nil); len(got) > 0 || len(problems) > 0 {
		t.Errorf("Warnings() with a key = %q, %v, want none", got, problems)
	}
}

func TestNoWarningRepeatsAProblemOfAPIKeys(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"API_KEYS": "foo", "API_KEYS_FILE": "/does/not/exist"} {
		c, problems := load(t, map[string]string{name: value})
		if warnings := c.Warnings(nil); len(problems) != 1 || len(warnings) != 0 {
			t.Errorf("%s=%s has the problems %v and the warnings %v, want one problem", name, value, problems, warnings)
		}
	}
}

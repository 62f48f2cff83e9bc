package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smart-factory-backend/app/config"
)

func TestMigrateAndBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, copied := filepath.Join(dir, "data"), filepath.Join(dir, "copy.db")
	in := func(c *config.Config) { c.DataDir = data }
	for _, step := range []struct {
		args   []string
		change func(*config.Config)
		code   int
		want   string // part of what is printed
	}{
		{[]string{"backup", copied}, in, 1, "not found"},
		{[]string{"migrate"}, in, 0, "created with schema "},
		{[]string{"migrate"}, in, 0, "nothing to do"},
		{[]string{"backup"}, in, 2, "want backup FILE"},
		{[]string{"backup", copied}, in, 0, copied + ": "},
		{[]string{"backup", copied}, in, 1, "backup: " + copied + " exists already; nothing was written: name a new file\n"},
		{[]string{"backup", dir}, in, 1, dir + " exists already"},
		{[]string{"migrate"}, func(c *config.Config) { c.DatabaseURL = config.NewURL("sqlite://" + copied) }, 0, "nothing to do"},
	} {
		r := run(t.Context(), step.change, step.args...)
		if r.code != step.code || !strings.Contains(r.stdout+r.stderr, step.want) {
			t.Fatalf("%s = %d, %q, %q, want %d and %q", fmt.Sprint(step.args), r.code, r.stdout, r.stderr, step.code, step.want)
		}
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) == 0 {
		t.Errorf("%s has %v, %v, want the database", data, entries, err)
	}
}

package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"smart-factory-backend/app/store/postgres"
)

func TestMigrationsAreInOrder(t *testing.T) {
	t.Parallel()
	names, err := postgres.Migrations(postgres.EmbeddedMigrations)
	if err != nil || len(names) == 0 || !slices.IsSorted(names) {
		t.Errorf("migrations = %v, %v", names, err)
	}
	for name, files := range map[string][]string{
		"a gap":               {"0001_a", "0003_b"},
		"does not start at 1": {"0002_a"},
		"duplicate number":    {"0001_a", "0001_b"},
		"no number":           {"first"},
	} {
		all := fstest.MapFS{}
		for _, file := range files {
			all["migrations/"+file+".sql"] = &fstest.MapFile{Data: []byte("SELECT 1")}
		}
		if got, err := postgres.Migrations(all); err == nil || !strings.Contains(err.Error(), "is not number") {
			t.Errorf("%s: migrations of %v = %v, %v, want an error", name, files, got, err)
		}
	}
}

//go:build integration

package postgres_test

import (
	"errors"
	"testing"

	"smart-factory-backend/app/store/postgres"
)

// A database that another program or a newer release has migrated is refused.
func TestIntegrationForeignSchemaRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change string
		want   error
	}{
		"a newer release": {"INSERT INTO schema_migration (version, name, sum) SELECT max(version) + 1, 'next', '' FROM schema_migration", postgres.ErrNewerSchema},
		"different text":  {"UPDATE schema_migration SET sum = 'x' WHERE version = 1", postgres.ErrForeignSchema},
		"a gap":           {"UPDATE schema_migration SET version = version + 7", postgres.ErrForeignSchema},
	} {
		o := testOptions(t)
		store := mustOpen(t, o)
		if err := store.Exec(t.Context(), tt.change); err != nil {
			t.Fatal(err)
		}
		if again, err := postgres.Open(t.Context(), o); !errors.Is(err, tt.want) {
			t.Errorf("%s: Open = %v, %v, want %v", name, again, err, tt.want)
		}
		if before, after, err := postgres.Migrate(t.Context(), o); !errors.Is(err, tt.want) {
			t.Errorf("%s: Migrate = %d, %d, %v, want %v", name, before, after, err, tt.want)
		}
	}
}

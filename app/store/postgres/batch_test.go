package postgres_test

import (
	"reflect"
	"testing"

	"smart-factory-backend/app/store/postgres"
)

// PostgreSQL refuses an upsert that contains a key twice, and concurrent commits
// that lock keys in different orders deadlock.
func TestBatchIsSortedAndHasEachKeyOnce(t *testing.T) {
	t.Parallel()
	rows, newest := postgres.BuildBatch([]postgres.Row{
		{2, 10, 1}, {1, 30, 2}, {2, 10, 3}, {1, 10, 4}, {1, 20, 5}, {2, 10, 6}, {1, 30, 7}, {3, -5, 8},
	})
	want := []postgres.Row{{1, 10, 4}, {1, 20, 5}, {1, 30, 7}, {2, 10, 6}, {3, -5, 8}}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("rows = %v, want %v", rows, want)
	}
	if want := []postgres.Row{{1, 30, 7}, {2, 10, 6}, {3, -5, 8}}; !reflect.DeepEqual(newest, want) {
		t.Errorf("newest = %v, want %v", newest, want)
	}
	if rows, newest := postgres.BuildBatch(nil); len(rows) != 0 || len(newest) != 0 {
		t.Errorf("batch of nothing = %v, %v", rows, newest)
	}
}

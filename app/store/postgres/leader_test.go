//go:build integration

package postgres_test

import (
	"context"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

// Exactly one replica is the leader. When it or its connection ends, another one
// takes over.
func TestIntegrationLeaderFailover(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	stores := openReplicas(t, 3, func(o *postgres.Options) {
		*o = o.WithTuning(postgres.Tuning{PollInterval: 10 * time.Millisecond, MaintenanceInterval: 20 * time.Millisecond})
	})
	leaders := func() (all []int) {
		for i, s := range stores {
			if s.Leading() {
				all = append(all, i)
			}
		}
		return all
	}
	one := func() int {
		t.Helper()
		var all []int
		eventually(t, "one replica leads", func() bool { all = leaders(); return len(all) == 1 })
		return all[0]
	}
	one()
	before, err := stores[0].LeaderPID(ctx)
	if err != nil || before == 0 {
		t.Fatalf("the leader's connection is %d, %v", before, err)
	}
	if err := stores[0].Exec(ctx, "SELECT pg_terminate_backend($1)", before); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another connection holds the lock", func() bool {
		pid, err := stores[0].LeaderPID(ctx)
		return err == nil && pid != 0 && pid != before
	})
	first := one()
	if err := stores[first].Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another replica leads", func() bool { l := leaders(); return len(l) == 1 && l[0] != first })
	// The new leader does maintenance: it deletes a purged machine's readings.
	next := stores[one()]
	mustAppend(t, next, reading("purged", time.Now().UnixMilli(), 1), reading("kept", time.Now().UnixMilli(), 1))
	if err := next.DeleteMachine(ctx, "purged", factory.MatchAlways, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the purged reading is deleted", func() bool {
		rows, err := next.QueryInt(ctx, "SELECT count(*) FROM reading")
		return err == nil && rows == 1
	})
}

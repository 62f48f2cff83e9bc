package server

import (
	"path/filepath"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

func TestDamagedDataIsReported(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stats factory.StoreStats
		want  string
	}{
		"intact":           {factory.StoreStats{Integrity: factory.IntegrityGood}, ""},
		"damaged":          {factory.StoreStats{Integrity: factory.IntegrityDamaged}, "found damage"},
		"parts set aside":  {factory.StoreStats{QuarantinedChunks: 3}, "3 damaged parts"},
		"not yet examined": {factory.StoreStats{Integrity: factory.IntegrityChecking}, ""},
	} {
		err := checkIntegrity(tt.stats)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: intact = %v, want %q", name, err, tt.want)
		}
	}
}

func TestBackupAndMigrateOfTheEmbeddedStore(t *testing.T) {
	a, addr := launch(t)
	if got := status(t, "GET", "http://"+addr+"/api/health/ready"); got != 200 {
		t.Fatalf("GET /api/health/ready = %d", got)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := Backup(t.Context(), a.config, to); err != nil {
		t.Fatalf("Backup = %v", err)
	}
	if err := Backup(t.Context(), a.config, to); err == nil {
		t.Error("Backup overwrites a file")
	}
	c, err := testSettings(t, "DATABASE_URL=sqlite://"+to).load()
	if err != nil {
		t.Fatal(err)
	}
	before, after, err := Migrate(t.Context(), c)
	if err != nil || before != after || after == 0 {
		t.Errorf("Migrate of a current copy = %d, %d, %v, want the same version twice", before, after, err)
	}
	if _, _, err := Migrate(t.Context(), a.config); err == nil {
		t.Error("Migrate succeeds on a store that a server has open")
	}
}

func TestBackupOfPostgresIsRefused(t *testing.T) {
	a, _ := newApp(t, testSettings(t, "DATABASE_URL=postgres://u@127.0.0.1:1/db"))
	if err := Backup(t.Context(), a.config, "x"); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("Backup = %v, want an error that names pg_dump", err)
	}
	if got := a.storeLocation().Value.String(); !strings.Contains(got, "127.0.0.1") {
		t.Errorf("whereStored = %q", got)
	}
}

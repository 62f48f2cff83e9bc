//go:build integration

package plant_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/testkit/postgrestest"
)

func TestIntegrationTextsOnPostgres(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.New("fsync=off", "full_page_writes=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	if err := server.Exec(t.Context(), "CREATE SCHEMA s"); err != nil {
		t.Fatal(err)
	}
	engine, err := postgres.Open(t.Context(), postgres.Options{URL: server.URL("s"), AutoRegister: true, MaxConns: 7, ConnectTimeout: time.Minute, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	for range 10 {
		appendConcurrently(t, engine)
	}
}

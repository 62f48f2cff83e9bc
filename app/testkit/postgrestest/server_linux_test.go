//go:build integration

package postgrestest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"smart-factory-backend/app/testkit/postgrestest"
)

// A frozen server does not answer until Thaw. After Kill no process of a busy
// server answers.
func TestIntegrationKillAndFreeze(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.New("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	conns := make([]*pgx.Conn, 8)
	for i := range conns {
		if conns[i], err = pgx.Connect(t.Context(), server.URL("")); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conns[i].Close(context.Background()) }()
	}
	results := make(chan int, 1)
	server.Freeze()
	go func() {
		var one int
		if err := conns[0].QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil {
			t.Errorf("query of a thawed server: %v", err)
		}
		results <- one
	}()
	select {
	case <-results:
		t.Error("a frozen server answers")
	case <-time.After(100 * time.Millisecond):
	}
	server.Thaw()
	if one := <-results; one != 1 {
		t.Errorf("query of a thawed server = %d, want 1", one)
	}

	killed := make(chan struct{})
	var busy sync.WaitGroup
	for _, conn := range conns {
		busy.Go(func() {
			for {
				wasKilled := false
				select {
				case <-killed:
					wasKilled = true
				default:
				}
				_, err := conn.Exec(t.Context(), "SELECT count(*) FROM generate_series(1, 1000)")
				if wasKilled && err == nil {
					t.Error("a killed server answers")
				}
				if wasKilled || err != nil {
					return
				}
			}
		})
	}
	server.Kill()
	close(killed)
	busy.Wait()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("query of a restarted server: %v", err)
	}
}

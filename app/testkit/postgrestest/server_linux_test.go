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

// TestIntegrationKillAndFreeze: after Kill nobody answers, however busy the
// server's processes were, and after Freeze nobody does until Thaw.
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
	answers := make(chan int, 1)
	server.Freeze()
	go func() {
		var one int
		if err := conns[0].QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil {
			t.Errorf("a query of a server that was frozen: %v", err)
		}
		answers <- one
	}()
	select {
	case <-answers:
		t.Error("a frozen server answers")
	case <-time.After(100 * time.Millisecond):
	}
	server.Thaw()
	if one := <-answers; one != 1 {
		t.Errorf("a query of a server that was frozen = %d, want 1", one)
	}

	killed := make(chan struct{})
	var busy sync.WaitGroup
	for _, conn := range conns {
		busy.Go(func() {
			for {
				over := false
				select {
				case <-killed:
					over = true
				default:
				}
				_, err := conn.Exec(t.Context(), "SELECT count(*) FROM generate_series(1, 1000)")
				if over && err == nil {
					t.Error("a killed server answers")
				}
				if over || err != nil {
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
		t.Errorf("a query of a server that was killed and started: %v", err)
	}
}

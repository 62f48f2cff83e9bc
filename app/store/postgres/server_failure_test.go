//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"

	"github.com/jackc/pgx/v5/pgconn"

	"smart-factory-backend/app/testkit/postgrestest"
)

// startServer starts a server that the test may stop.
func startServer(t *testing.T, settings ...string) *postgrestest.Server {
	t.Helper()
	s, err := postgrestest.New(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Remove)
	return s
}

// faultRecorder records the calls of OnFault.
type faultRecorder struct {
	mu         sync.Mutex
	faults     []error
	recoveries int
}

func (l *faultRecorder) record(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.recoveries++
		return
	}
	l.faults = append(l.faults, err)
}

// clientResult records the results of one client.
type clientResult struct {
	acknowledged []int64 // times
	failed       int
	slowest      time.Duration
}

// While two replicas are under load, the server is killed several times. Calls
// fail quickly while it is down and succeed after it is back, and every
// acknowledged reading is stored.
func TestIntegrationServerKilledKeepsAcknowledged(t *testing.T) {
	t.Parallel()
	s := startServer(t) // with its defaults: each commit is synced
	var faults faultRecorder
	o := postgres.Options{
		URL: s.URL(""), AutoRegister: true, MaxConns: 7, OnFault: faults.record,
		ConnectTimeout: 2 * time.Second, StatementTimeout: 5 * time.Second,
	}.WithTuning(postgres.Tuning{PollInterval: 20 * time.Millisecond})
	stores := []*postgres.Store{mustOpen(t, o), mustOpen(t, o)}
	const clients = 8
	begin := time.Now().UnixMilli()
	ledgers := make([]clientResult, clients)
	var acknowledged atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			l := &ledgers[c]
			pause := time.NewTicker(time.Millisecond)
			defer pause.Stop()
			for n := int64(1); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				started := time.Now()
				_, err := stores[c%len(stores)].Append(context.Background(), []factory.Reading{reading(fmt.Sprint("m", c), begin+n, float64(n))})
				l.slowest = max(l.slowest, time.Since(started))
				switch {
				case err == nil:
					l.acknowledged = append(l.acknowledged, begin+n)
					acknowledged.Add(1)
				case errors.Is(err, factory.ErrUnavailable):
					l.failed++
					<-pause.C
				default:
					t.Errorf("Append = %v, want ErrUnavailable", err)
				}
			}
		})
	}
	more := func(n int64) {
		t.Helper()
		target := acknowledged.Load() + n
		eventually(t, "more readings are acknowledged", func() bool { return acknowledged.Load() >= target })
	}
	more(100)
	for range 3 {
		s.Kill()
		for i, store := range stores {
			eventually(t, "the store is not ready", func() bool { return store.Ready() != nil })
			if err := store.Ready(); err != nil && !errors.Is(err, factory.ErrUnavailable) {
				t.Errorf("replica %d: Ready() = %v, want ErrUnavailable", i, err)
			}
			started := time.Now()
			if _, err := store.Latest(context.Background(), factory.LatestQuery{Limit: 1}); !errors.Is(err, factory.ErrUnavailable) {
				t.Errorf("replica %d: Latest = %v, want ErrUnavailable", i, err)
			}
			if took := time.Since(started); took > testTimeout {
				t.Errorf("replica %d: Latest took %v without a server", i, took)
			}
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		for _, store := range stores {
			eventually(t, "the store is ready again", func() bool { return store.Ready() == nil })
		}
		more(100)
	}
	close(stop)
	wg.Wait()
	failed := 0
	for c, l := range ledgers {
		have := make(map[int64]float64)
		for _, p := range mustHistory(t, stores[1-c%2], fmt.Sprint("m", c), "v") {
			have[p.ObservedAt] = p.Value
		}
		for _, observedAt := range l.acknowledged {
			if have[observedAt] != float64(observedAt-begin) {
				t.Fatalf("client %d: the acknowledged reading at %d has the value %v, want %d", c, observedAt, have[observedAt], observedAt-begin)
			}
		}
		if failed += l.failed; l.slowest > testTimeout {
			t.Errorf("client %d waited %v for an answer", c, l.slowest)
		}
	}
	faults.mu.Lock()
	defer faults.mu.Unlock()
	if failed == 0 || len(faults.faults) < 3 || faults.recoveries < 3 {
		t.Errorf("%d calls failed, %d faults and %d recoveries were reported; want some, and at least 3 each", failed, len(faults.faults), faults.recoveries)
	}
	t.Logf("%d acknowledged, %d failed", acknowledged.Load(), failed)
}

// If the server hangs without closing its connections, calls return within the
// timeouts. When the server continues, so does the store.
func TestIntegrationFrozenServerTimesOut(t *testing.T) {
	t.Parallel()
	s := startServer(t, "fsync=off")
	store := mustOpen(t, postgres.Options{
		URL: s.URL(""), AutoRegister: true, MaxConns: 7, ConnectTimeout: 500 * time.Millisecond, StatementTimeout: 500 * time.Millisecond,
	}.WithTuning(postgres.Tuning{PollInterval: 20 * time.Millisecond}))
	now := time.Now().UnixMilli()
	mustAppend(t, store, reading("m", now, 1))
	s.Freeze()
	defer s.Thaw()
	var wg sync.WaitGroup
	for name, call := range map[string]func() error{
		"Append": func() error {
			_, err := store.Append(context.Background(), []factory.Reading{reading("m", now+1, 2)})
			return err
		},
		"History": func() error {
			_, err := store.History(context.Background(), factory.HistoryQuery{Machine: "m", To: now + 10, Limit: 10})
			return err
		},
		"PutMachine": func() error {
			_, _, err := store.PutMachine(context.Background(), factory.Machine{ID: "n"}, factory.MatchAlways)
			return err
		},
	} {
		wg.Go(func() {
			started := time.Now()
			err := call()
			if took := time.Since(started); !errors.Is(err, factory.ErrUnavailable) || took > testTimeout {
				t.Errorf("%s of a frozen server = %v after %v, want ErrUnavailable in time", name, err, took)
			}
		})
	}
	wg.Wait()
	if err := store.Ready(); !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("Ready() = %v, want ErrUnavailable", err)
	}
	s.Thaw()
	eventually(t, "the store is ready again", func() bool { return store.Ready() == nil })
	mustAppend(t, store, reading("m", now+2, 3))
	if points := mustHistory(t, store, "m", "v"); len(points) < 2 || points[0].Value != 1 || points[len(points)-1].Value != 3 {
		t.Errorf("history = %v, want the acknowledged points", points)
	}
}

// If the response to a commit is lost, the commit is retried, which has no further
// effect. It is not acknowledged until it is certain.
func TestIntegrationCommitRetriedAfterLostResponse(t *testing.T) {
	t.Parallel()
	var mode atomic.Int32
	const (
		succeed = iota
		loseOnce
		failAlways
		diskFull
	)
	o := testOptions(t)
	store := mustOpen(t, o.WithTuning(postgres.Tuning{PollInterval: 10 * time.Millisecond, AroundCommit: func(commit func() error) error {
		switch mode.Load() {
		case loseOnce:
			mode.Store(succeed)
			return errors.Join(io.ErrUnexpectedEOF, commit()) // the commit has taken effect
		case failAlways:
			return errors.New("no space left")
		case diskFull:
			return &pgconn.PgError{Code: "53100", Message: "could not extend file"}
		}
		return commit()
	}}))
	now := time.Now().UnixMilli()
	mustAppend(t, store, reading("m", now, 1))
	mode.Store(loseOnce)
	mustAppend(t, store, reading("m", now+1, 2)) // a registered series
	mode.Store(loseOnce)
	mustAppend(t, store, reading("n", now+1, 2)) // a new series
	for _, machine := range []string{"m", "n"} {
		if rows, err := store.QueryInt(t.Context(), "SELECT count(*) FROM series WHERE machine = $1", machine); err != nil || rows != 1 {
			t.Errorf("%d series of %s, %v, want 1", rows, machine, err)
		}
	}
	mode.Store(failAlways)
	// An append may briefly fail for the responses that were lost before.
	eventually(t, "an append fails with the present error", func() bool {
		_, err := store.Append(t.Context(), []factory.Reading{reading("m", now+2, 3)})
		return errors.Is(err, factory.ErrUnavailable) && strings.Contains(err.Error(), "no space left")
	})
	mode.Store(succeed)
	eventually(t, "the store is ready again", func() bool { return store.Ready() == nil })
	mustAppend(t, store, reading("m", now+3, 4))
	if points := mustHistory(t, store, "m", "v"); len(points) != 3 {
		t.Errorf("history = %v, want the 3 acknowledged points", points)
	}
	// On a full disk small updates succeed, but the store is not ready while no
	// file can grow. Here an existing table makes the probe fail.
	if err := store.Exec(t.Context(), "CREATE TABLE disk_probe ()"); err != nil {
		t.Fatal(err)
	}
	mode.Store(diskFull)
	if _, err := store.Append(t.Context(), []factory.Reading{reading("m", now+4, 5)}); !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("Append to a full disk = %v, want ErrUnavailable", err)
	}
	mode.Store(succeed)
	eventually(t, "the probe for file growth has failed", func() bool {
		err := store.Ready()
		return err != nil && strings.Contains(err.Error(), "disk_probe")
	})
	if err := store.Exec(t.Context(), "DROP TABLE disk_probe"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store is ready again", func() bool { return store.Ready() == nil })
	if left := mustInt(t, store, "SELECT count(*) FROM pg_class WHERE relname = 'disk_probe' AND relnamespace = current_schema()::regnamespace"); left != 0 {
		t.Error("the probe leaves its table behind")
	}
}

// If the server becomes read-only, appends fail. When it accepts writes again, the
// store recovers without a restart.
func TestIntegrationReadOnlyServerRefusesAppends(t *testing.T) {
	t.Parallel()
	s := startServer(t, "fsync=off")
	store := mustOpen(t, postgres.Options{URL: s.URL(""), AutoRegister: true, MaxConns: 7}.
		WithTuning(postgres.Tuning{PollInterval: 20 * time.Millisecond, MaintenanceInterval: time.Hour}))
	now := time.Now().UnixMilli()
	mustAppend(t, store, reading("m", now, 1))
	set := func(value string) {
		t.Helper()
		for _, sql := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
			if err := s.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	set("on")
	// The server's processes reload the setting one by one, so some appends may
	// still succeed and clear the fault.
	eventually(t, "an append fails and Ready returns the cause", func() bool {
		now++
		_, err := store.Append(context.Background(), []factory.Reading{reading("m", now, 1)})
		ready := store.Ready()
		return errors.Is(err, factory.ErrUnavailable) && ready != nil && strings.Contains(ready.Error(), "read-only")
	})
	set("off")
	eventually(t, "the store is ready again", func() bool { return store.Ready() == nil })
	mustAppend(t, store, reading("m", now+1, 2))
}

// Open waits for a server that is not running yet. If it does not come up, the
// error does not contain the password.
func TestIntegrationOpenWaitsForServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, "fsync=off")
	s.Kill()
	opened := make(chan error, 1)
	go func() {
		store, err := postgres.Open(context.Background(), postgres.Options{URL: s.URL("")}.WithTuning(postgres.Tuning{StartTimeout: testTimeout}))
		if err == nil {
			err = store.Close()
		}
		opened <- err
	}()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("Open before the server runs = %v, want it to wait", err)
	}
	for name, url := range map[string]string{
		"nothing listens":  "postgres://u:hunter2@127.0.0.1:1/db",
		"no such database": strings.Replace(s.URL(""), "/postgres?", "/nothing?", 1),
	} {
		started := time.Now()
		_, err := postgres.Open(context.Background(), postgres.Options{URL: url}.WithTuning(postgres.Tuning{StartTimeout: 300 * time.Millisecond}))
		if err == nil || strings.Contains(err.Error(), "hunter2") || time.Since(started) > testTimeout {
			t.Errorf("%s: Open = %v after %v, want an error without the password, soon", name, err, time.Since(started))
		}
	}
}

package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

// The clients of the process that gets killed: the i-th appends i+1 readings
// of the metric seq at a time, and with them one each of last, which is always
// the same time, and of late, which goes backwards.
const (
	killClients = 5
	killStart   = int64(1_700_000_000_000)
)

func killMachine(client int) string { return fmt.Sprintf("client-%d", client) }

// killReadings are what the client appends the nth time, n from 1.
func killReadings(client int, n int64) (readings []factory.Reading) {
	machine, width := killMachine(client), int64(client+1)
	for i := (n-1)*width + 1; i <= n*width; i++ {
		readings = append(readings, factory.Reading{Machine: machine, Metric: "seq", ObservedAt: killStart + i, Value: math.Sqrt(float64(i))})
	}
	return append(readings,
		factory.Reading{Machine: machine, Metric: "last", ObservedAt: killStart, Value: float64(n)},
		factory.Reading{Machine: machine, Metric: "late", ObservedAt: killStart - n, Value: float64(n)})
}

// sealingAllTheTime has the sealer at work between any two commits.
func sealingAllTheTime(path string) sqlite.Options {
	return sqlite.Options{Path: path, AutoRegister: true, SealPoints: 16, SealAfter: time.Millisecond}.
		Tuned(sqlite.Tuning{SealEvery: time.Millisecond})
}

// writeUntilKilled is the role "write": it appends for ever and prints the
// client and the count of each Append once it is acknowledged.
func writeUntilKilled(path string) error {
	store, err := sqlite.Open(context.Background(), sealingAllTheTime(path))
	if err != nil {
		return err
	}
	var counts [killClients]int64
	for client := range counts {
		if counts[client], err = lastCount(store, client); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	errs := make(chan error)
	for client, n := range counts {
		go func() { errs <- appendForEver(store, client, n) }()
	}
	return <-errs
}

// lastCount returns how many times the client has appended, going by the file.
func lastCount(store *sqlite.Store, client int) (int64, error) {
	page, err := store.Latest(context.Background(), factory.LatestQuery{Machine: killMachine(client), Metric: "last", Limit: 1})
	if err != nil || len(page.Readings) == 0 {
		return 0, err
	}
	return int64(page.Readings[0].Value), nil
}

func appendForEver(store *sqlite.Store, client int, n int64) error {
	for {
		n++
		readings := killReadings(client, n)
		result, err := store.Append(context.Background(), readings)
		if err != nil || result.Accepted != len(readings) {
			return fmt.Errorf("append %d of client %d: %+v, %w", n, client, result, err)
		}
		fmt.Fprintf(os.Stdout, "%d %d\n", client, n)
	}
}

func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	random := rand.New(rand.NewPCG(20, 26))
	var acknowledged [killClients]int64
	for round := range 12 {
		killAfter(t, path, random.IntN(500), &acknowledged)
		// Every other time the killed process finds what the last one left.
		if round%2 == 0 {
			checkAfterKill(t, path, acknowledged)
		}
	}
	checkAfterKill(t, path, acknowledged)
	t.Logf("acknowledged in all: %d", acknowledged)
}

// killAfter runs the writing process and kills it with SIGKILL once it has
// acknowledged so many appends.
func killAfter(t *testing.T, path string, appends int, acknowledged *[killClients]int64) {
	t.Helper()
	cmd := child(t, "write", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { _ = cmd.Process.Kill() })
	defer func() { _ = cmd.Wait() }()
	defer kill()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the writer says %q, want ready", lines.Text())
	}
	seen := 0
	for ; ; seen++ {
		if seen == appends {
			kill()
		}
		if !lines.Scan() {
			break // all that it wrote before its end was read
		}
		var client int
		var n int64
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &client, &n); err != nil {
			t.Fatalf("the writer says %q: %v", lines.Text(), err)
		}
		if n <= acknowledged[client] {
			t.Fatalf("client %d goes on with append %d, but %d is acknowledged", client, n, acknowledged[client])
		}
		acknowledged[client] = n
	}
	if seen < appends {
		t.Fatalf("the writer ended by itself after %d appends", seen)
	}
}

// checkAfterKill opens the file and compares it with what the clients sent:
// all of what was acknowledged, of the rest whole appends or nothing.
func checkAfterKill(t *testing.T, path string, acknowledged [killClients]int64) {
	t.Helper()
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatalf("Open after the kill = %v", err)
	}
	defer mustClose(t, store)
	for client, least := range acknowledged {
		n, err := lastCount(store, client)
		if err != nil || n < least {
			t.Fatalf("client %d: %d appends in the file, %v; %d were acknowledged", client, n, err, least)
		}
		if n > 0 {
			checkClient(t, store, client, n)
		}
	}
}

func checkClient(t *testing.T, store *sqlite.Store, client int, n int64) {
	t.Helper()
	machine, width := killMachine(client), int64(client+1)
	seq := history(t, store, machine, "seq")
	if int64(len(seq)) != n*width {
		t.Fatalf("%s: %d points, want %d", machine, len(seq), n*width)
	}
	for i, p := range seq {
		if want := (factory.Point{ObservedAt: killStart + int64(i) + 1, Value: math.Sqrt(float64(i + 1))}); p != want {
			t.Fatalf("%s: point %d = %v, want %v", machine, i, p, want)
		}
	}
	late := history(t, store, machine, "late")
	if int64(len(late)) != n {
		t.Fatalf("%s: %d late points, want %d", machine, len(late), n)
	}
	for i, p := range late {
		if k := n - int64(i); p.ObservedAt != killStart-k || p.Value != float64(k) {
			t.Fatalf("%s: late point %d = %v, want %d", machine, i, p, k)
		}
	}
	if last := history(t, store, machine, "last"); len(last) != 1 || last[0].Value != float64(n) {
		t.Fatalf("%s: last = %v, want one point, %d", machine, last, n)
	}
}

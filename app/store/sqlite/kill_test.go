package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
	"smart-factory-backend/app/store/storetest"
)

// killFiles is the number of database files. On each, killRounds processes are
// killed at random moments; each opens what the previous one left.
const killFiles = 10

func TestKillLosesNoAcknowledgedReading(t *testing.T) {
	t.Parallel()
	for file := range killFiles {
		if testing.Short() && file%5 < 3 { // make unit: two files of each five
			continue
		}
		t.Run(fmt.Sprint("file ", file), func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			random := rand.New(rand.NewPCG(20, uint64(file)))
			role, check := "write", checkWritten
			if file%5 == 4 {
				role, check = "evict", checkEvicted
			}
			acknowledged := make(map[string]int64)
			for round := range killRounds {
				killAfter(t, path, role, killPoint{
					delay: time.Duration(random.IntN(100_000)) * time.Microsecond, starting: round%4 == 3,
					counted: round%2 == 0, lines: random.IntN(40),
				}, acknowledged)
				// Usually the next process opens the file first.
				if round%5 == 4 {
					check(t, path, acknowledged)
				}
			}
			t.Logf("acknowledged: %v", acknowledged)
			if acknowledged["client-0"]+acknowledged["evict"] == 0 {
				t.Error("nothing was acknowledged in all rounds")
			}
		})
	}
}

// killPoint is when a process is killed: some time after its start or after it
// is ready, or after a number of acknowledgments.
type killPoint struct {
	delay             time.Duration
	starting, counted bool
	lines             int
}

// killAfter runs the process and ends it with SIGKILL.
func killAfter(t *testing.T, path, role string, when killPoint, acknowledged map[string]int64) {
	t.Helper()
	cmd := childProcess(t, role, path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	var mu sync.Mutex
	kill := func() {
		mu.Lock()
		defer mu.Unlock()
		killed = true
		_ = cmd.Process.Kill()
	}
	defer func() {
		kill()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	if !when.starting {
		if !lines.Scan() || lines.Text() != "ready 0" {
			t.Fatalf("the process says %q, want ready", lines.Text())
		}
	}
	if !when.counted {
		defer time.AfterFunc(when.delay, kill).Stop()
	}
	for seen := 0; ; seen++ { // reads everything that it wrote before its end
		if when.counted && seen == when.lines {
			kill()
		}
		if !lines.Scan() {
			break
		}
		var what string
		var n int64
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &what, &n); err != nil {
			t.Fatalf("the process says %q: %v", lines.Text(), err)
		}
		if n <= acknowledged[what] && what != "temp" && what != "ready" {
			t.Fatalf("%s goes on with %d, but %d is acknowledged", what, n, acknowledged[what])
		}
		acknowledged[what] = n
	}
	mu.Lock()
	defer mu.Unlock()
	if !killed {
		t.Fatal("the process ended by itself")
	}
}

// openKilled opens what a killed process left. The check of the file must
// succeed.
func openKilled(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	var recorded eventRecorder
	store, err := sqlite.Open(context.Background(), manualOptions(path, &recorded))
	if err != nil {
		t.Fatalf("Open after the kill = %v", err)
	}
	waitFor(t, "the check of the file", func() bool { return store.Stats().Integrity != factory.IntegrityChecking })
	if stats := store.Stats(); stats.Integrity == factory.IntegrityDamaged || stats.QuarantinedChunks != 0 {
		t.Errorf("the file is %s, %d parts in quarantine, events %q", stats.Integrity, stats.QuarantinedChunks, recorded.kinds())
	}
	return store
}

// checkWritten compares the file with what the process "write" appended:
// everything that was acknowledged, and complete appends of the rest.
func checkWritten(t *testing.T, path string, acknowledged map[string]int64) {
	t.Helper()
	store := openKilled(t, path)
	defer mustClose(t, store)
	for client := range killClients {
		n, err := lastCount(store, client)
		if least := acknowledged[killMachine(client)]; err != nil || n < least {
			t.Fatalf("client %d: %d appends in the file, %v; %d were acknowledged", client, n, err, least)
		}
		if n > 0 {
			checkClient(t, store, client, n)
		}
	}
	checkBulkReadings(t, store, acknowledged["bulk"])
	checkRegistry(t, store, acknowledged)
	checkJournal(t, store, acknowledged)
	if _, err := store.Machine(context.Background(), "temp"); err == nil {
		for _, p := range history(t, store, "temp", "v") {
			if p.Value != tempValue(p.ObservedAt) {
				t.Fatalf("temp: point %v, want %v", p, tempValue(p.ObservedAt))
			}
		}
	}
	orphans, err := store.QueryInt("SELECT count(*) FROM chunk WHERE series_id NOT IN (SELECT id FROM series UNION SELECT series_id FROM purged)")
	if err != nil || orphans != 0 {
		t.Errorf("%d chunks belong to no series, %v", orphans, err)
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

// checkBulkReadings checks the points of bulk and their buckets.
func checkBulkReadings(t *testing.T, store *sqlite.Store, least int64) {
	t.Helper()
	n, err := bulkCount(store)
	if err != nil || n < least {
		t.Fatalf("bulk: %d appends in the file, %v; %d were acknowledged", n, err, least)
	}
	if n == 0 {
		return
	}
	points := history(t, store, "bulk", "v")
	if int64(len(points)) != n*bulkWidth {
		t.Fatalf("bulk: %d points, want %d", len(points), n*bulkWidth)
	}
	want := make(map[int64]*factory.Bucket)
	for i, p := range points {
		if p.ObservedAt != killStart+int64(i)*1000 || p.Value != bulkValue(int64(i)) {
			t.Fatalf("bulk: point %d = %v, want %v", i, p, bulkValue(int64(i)))
		}
		start, end := factory.Every(time.Minute).Bounds(p.ObservedAt, nil)
		if want[start] == nil {
			want[start] = &factory.Bucket{Start: start, End: end}
		}
		want[start].Add(p)
	}
	page, err := store.Buckets(context.Background(), factory.BucketQuery{
		Machine: "bulk", From: math.MinInt64, To: math.MaxInt64, Interval: factory.Every(time.Minute), Limit: 1 << 20,
	})
	if err != nil || len(page.Series) != 1 || len(page.Series[0].Buckets) != len(want) {
		t.Fatalf("bulk: Buckets = %+v, %v, want %d", page, err, len(want))
	}
	for _, b := range page.Series[0].Buckets {
		w := *want[b.Start]
		w.Fold()
		w.Increase = 0
		if !storetest.SameBucket(b, w) {
			t.Fatalf("bulk: bucket %+v, want %+v", b, w)
		}
	}
}

// checkRegistry checks the counted name and the purged machines.
func checkRegistry(t *testing.T, store *sqlite.Store, acknowledged map[string]int64) {
	t.Helper()
	name, err := nameCount(store)
	if err != nil || name < acknowledged["name"] {
		t.Fatalf("the name is %d, %v; %d was acknowledged", name, err, acknowledged["name"])
	}
	if last := acknowledged["purge"]; last > 0 {
		machine := fmt.Sprintf("purge-%d", last)
		if _, err := store.History(context.Background(), everything(machine)); !errors.Is(err, factory.ErrNotFound) {
			t.Fatalf("History of a purged machine = %v, want ErrNotFound", err)
		}
	}
}

// checkJournal checks the events and the document of chain and the batches of events:
// nothing that was acknowledged is missing, and nothing is there twice.
func checkJournal(t *testing.T, store *sqlite.Store, acknowledged map[string]int64) {
	t.Helper()
	ctx := context.Background()
	log, err := store.EventsAfter(ctx, factory.LogQuery{Limit: math.MaxInt})
	if err != nil {
		t.Fatalf("EventsAfter = %v", err)
	}
	var chain, counts, lastSeq, lastLink int64
	for _, e := range log {
		if e.Seq <= lastSeq {
			t.Fatalf("seq %d follows %d", e.Seq, lastSeq)
		}
		lastSeq = e.Seq
		switch e.Machine {
		case "chain":
			if chain++; e.ObservedAt != chain || e.Follows != lastLink {
				t.Fatalf("chain: event %d = %+v, which should follow %d", chain, e, lastLink)
			}
			lastLink = e.Seq
		case "events":
			if e.ObservedAt != counts {
				t.Fatalf("events: event %d = %+v", counts, e)
			}
			counts++
		case fmt.Sprintf("purge-%d", acknowledged["purge"]):
			t.Fatalf("event %+v of a purged machine", e)
		}
	}
	if chain < acknowledged["chain"] || counts < acknowledged["events"]*killEvents || counts%killEvents != 0 {
		t.Fatalf("%d events of chain and %d of events; acknowledged: %v", chain, counts, acknowledged)
	}
	if n, err := chainCount(store); err != nil || n != chain {
		t.Fatalf("the document of chain has the version %d, %v; it has %d events", n, err, chain)
	}
	names := slices.DeleteFunc(slices.Clone(log), func(e factory.Event) bool { return e.Subject != "machine/named" })
	if name, err := nameCount(store); err != nil || int64(len(names)) != name {
		t.Fatalf("%d audit events of %d changes of the name, %v", len(names), name, err)
	}
}

func everything(machine string) factory.HistoryQuery {
	return factory.HistoryQuery{Machine: machine, From: math.MinInt64, To: math.MaxInt64, Limit: math.MaxInt}
}

// checkEvicted checks that the process "evict" left the newest points,
// including all that were acknowledged, without a gap.
func checkEvicted(t *testing.T, path string, acknowledged map[string]int64) {
	t.Helper()
	store := openKilled(t, path)
	defer mustClose(t, store)
	if acknowledged["evict"] == 0 {
		return
	}
	points := history(t, store, "m", "v")
	if last := points[len(points)-1].ObservedAt; last < (acknowledged["evict"]*bulkWidth-1)*1000 {
		t.Fatalf("the last point is at %d, but %d appends were acknowledged", last, acknowledged["evict"])
	}
	for i, p := range points {
		n := p.ObservedAt / 1000
		if p.Value != math.Sin(float64(n*n)) || i > 0 && p.ObservedAt != points[i-1].ObservedAt+1000 {
			t.Fatalf("point %d is %v after %v", i, p, points[max(0, i-1)])
		}
	}
}

//go:build integration

package system_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // to read and to lock the database file

	"smart-factory-backend/app/testkit/porttest"
)

// probe returns the status of one of the probes below /api/health.
func (p *process) probe(name string) int {
	p.t.Helper()
	status, _ := p.get("/api/health/" + name)
	return status
}

// startLoadDuringOutage starts writers and readers that run while the store fails and
// recovers. It counts as failures writes that are neither accepted nor refused with
// Retry-After, and reads that are not 200.
func startLoadDuringOutage(p *process, o *outageReadings) (ingest, read *loadGenerator) {
	p.t.Helper()
	ingest = startLoad(p.addr, 8, nil, o.postNext)
	p.eventually("accepted readings", func() bool { return o.accepted.Load() > 100 })
	read = startLoad(p.addr, 2, nil, func(_ int, c *client) error {
		status, body, err := c.do("GET", "/api/v1/machines/m0/history?limit=10", "")
		if err == nil && status != http.StatusOK {
			return fmt.Errorf("history = %d %.200s", status, body)
		}
		return err
	})
	return ingest, read
}

// waitForOutage waits until the store fails and checks what the probes report.
func (p *process) waitForOutage(o *outageReadings) {
	p.t.Helper()
	refused := o.refused.Load()
	p.eventually("refused readings", func() bool { return o.refused.Load() > refused })
	p.eventually("readiness 503", func() bool { return p.probe("ready") == http.StatusServiceUnavailable })
	if status, body := p.get("/api/health"); status != http.StatusOK || !strings.Contains(body, `"status":"degraded"`) {
		p.t.Errorf("GET /api/health during the outage = %d %s, want 200 and degraded", status, body)
	}
}

// waitForRecovery waits until the store has recovered without intervention.
func (p *process) waitForRecovery(o *outageReadings) {
	p.t.Helper()
	p.eventually("readiness 200 after the outage", func() bool { return p.probe("ready") == http.StatusOK })
	taken := o.accepted.Load()
	p.eventually("accepted readings after the outage", func() bool { return o.accepted.Load() > taken+100 })
}

// When the database files are deleted, the server refuses readings, continues to serve
// reads, and writes the file again with every acknowledged reading.
func TestDeletedDatabaseFileIsRewritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	o := &outageReadings{acknowledgedReadings: acknowledgedReadings{last: map[string]int{}}}
	ingest, read := startLoadDuringOutage(p, o)
	files, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("database files in %s: %v, %v", dir, files, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	p.waitForOutage(o)
	p.waitForRecovery(o)
	ingest.stopAndCheck(t)
	read.stopAndCheck(t)
	o.checkStored(p)
	p.signal(syscall.SIGKILL)
	<-p.ended
	o.checkStored(start(t, dir))
}

// While another connection locks the database file, as on a disk that hangs, readings
// are refused within INGEST_TIMEOUT and reads are served. Afterwards the store recovers.
func TestHangingDiskRefusesReadings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "INGEST_TIMEOUT=1s")
	o := &outageReadings{acknowledgedReadings: acknowledgedReadings{last: map[string]int{}}}
	ingest, read := startLoadDuringOutage(p, o)
	db := openDatabase(t, dir)
	lockDatabase(t, db)
	p.waitForOutage(o)
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	p.waitForRecovery(o)
	ingest.stopAndCheck(t)
	read.stopAndCheck(t)
	o.checkStored(p)
}

// While no file can grow, as on a full disk, readings are refused and reads are
// served. Once there is space the store recovers.
func TestFullDiskRefusesReadings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	o := &outageReadings{acknowledgedReadings: acknowledgedReadings{last: map[string]int{}}}
	ingest, read := startLoadDuringOutage(p, o)
	var before unix.Rlimit
	limit := func(now, old *unix.Rlimit) {
		t.Helper()
		if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, now, old); err != nil {
			t.Fatal(err)
		}
	}
	limit(nil, &before)
	for range 2 {
		limit(&unix.Rlimit{Cur: 4096, Max: before.Max}, nil)
		p.waitForOutage(o)
		limit(&before, nil)
		p.waitForRecovery(o)
	}
	ingest.stopAndCheck(t)
	read.stopAndCheck(t)
	o.checkStored(p)
	p.signal(syscall.SIGKILL)
	<-p.ended
	o.checkStored(start(t, dir))
}

// lockDatabase begins a write transaction between two commits of the server. The gap
// between them is short on a slow disk, and SQLite's busy handler polls too rarely to
// find it, so lockDatabase polls without a pause.
func lockDatabase(t *testing.T, db *sql.DB) {
	t.Helper()
	if _, err := db.Exec("PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(waitTimeout); ; {
		_, err := db.Exec("BEGIN IMMEDIATE")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// openDatabase opens the database of a running server, on one connection.
func openDatabase(t *testing.T, dir string) *sql.DB {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("database files in %s: %v, %v", dir, files, err)
	}
	db, err := sql.Open("sqlite", "file:"+files[0]+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Corrupted bytes in a chunk lose only the points of that chunk. The server starts,
// serves the other points and accepts new ones. It reports degraded in the health, the
// log and the metrics, after the next start as well.
func TestCorruptedChunkCostsOnlyItsPoints(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	admin := fmt.Sprint("127.0.0.1:", porttest.ForTest(t))
	p := start(t, dir, "ADMIN_ADDR="+admin)
	const points = 4_000
	c := &client{addr: p.addr}
	defer c.close()
	post := func(p *process, from, n int) {
		t.Helper()
		var body strings.Builder
		for i := from; i < from+n; i++ {
			fmt.Fprintf(&body, `{"machine":"m","ts":%d,"values":{"v":%d}}`+"\n", 1_700_000_000_000+int64(i)*1000, i*i%1009)
		}
		c.addr = p.addr
		if status, text, err := c.do("POST", "/api/v1/telemetry", body.String()); status != http.StatusOK {
			t.Fatalf("telemetry = %d %s, %v", status, text, err)
		}
	}
	post(p, 0, points)
	db := openDatabase(t, dir)
	var chunk []byte
	p.eventually("sealed chunks", func() bool {
		return db.QueryRow("SELECT data FROM chunk ORDER BY id LIMIT 1 OFFSET 1").Scan(&chunk) == nil
	})
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Fatalf("exit code = %d", code)
	}
	c.close()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.db"))
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(content, chunk[:min(len(chunk), 64)])
	if at < 0 {
		t.Fatal("the database file does not contain the chunk")
	}
	for i := range 16 {
		content[at+20+i] ^= 0x5a
	}
	if err := os.WriteFile(files[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		p = start(t, dir, "ADMIN_ADDR="+admin)
		status, body := p.get("/api/v1/machines/m/history?limit=10000")
		if got := strings.Count(body, "[17"); status != http.StatusOK || got < points/2 || got >= points+round {
			t.Fatalf("start %d: history = %d with %d points, want 200 with those of the other chunks", round+1, status, got)
		}
		p.eventually("degraded", func() bool {
			status, body := p.get("/api/health")
			return status == http.StatusOK && strings.Contains(body, `"status":"degraded"`) && strings.Contains(body, `"stored_data":"failing"`)
		})
		if status := p.probe("ready"); status != http.StatusOK {
			t.Errorf("start %d: readiness = %d, want 200", round+1, status)
		}
		post(p, points+round, 1)
		metrics := &process{t: t, addr: admin}
		if _, text := metrics.get("/metrics"); !strings.Contains(text, `smartfactory_store_quarantined_chunks{engine="sqlite"} 1`) {
			t.Errorf("start %d: GET /metrics does not count the corrupted chunk", round+1)
		}
		if _, text := metrics.get("/api/health"); !strings.Contains(text, "1 damaged parts of the store are set aside") {
			t.Errorf("start %d: GET /api/health on the admin port = %s, want the corrupted chunk", round+1, text)
		}
		if round == 0 && !strings.Contains(p.log.String(), "damaged part of the store set aside") {
			t.Error("the log does not report the corrupted chunk")
		}
		p.signal(syscall.SIGTERM)
		p.wait()
		c.close()
	}
}

//go:build integration

package system_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Panics, ended goroutines, killed workers, reloads and scaling fail no request of
// other clients.
func TestWorkerFaultsFailNoOtherRequest(t *testing.T) {
	p := start(t, t.TempDir(), "WORKER_MAX_RESTARTS=100000", "WORKER_MIN_UPTIME=10ms")
	fds := p.descriptors()
	load := startLoad(p.addr, 64, nil, checkHealth)
	for i := range 1000 {
		if status := p.injectFault("panic"); status != http.StatusInternalServerError {
			t.Fatalf("panic %d: status %d, want 500", i, status)
		}
	}
	for range 200 {
		if status := p.injectFault("worker"); status != http.StatusOK {
			t.Fatalf("POST /api/faults/worker = %d, want 200", status)
		}
	}
	for i := range 50 {
		if out, code := p.runCommand("reload"); code != 0 {
			t.Fatalf("reload %d = exit code %d, %s, want 0", i, code, out)
		}
		if out, code := p.runCommand("scale", fmt.Sprint(1+i%4)); code != 0 {
			t.Fatalf("scale %d = exit code %d, %s, want 0", i, code, out)
		}
	}
	for range 20 {
		if status := p.injectFault("goexit"); status != http.StatusInternalServerError {
			t.Fatalf("POST /api/faults/goexit = %d, want 500", status)
		}
	}
	load.stopAndCheck(t)
	st := p.status()
	var panics, restarts uint64
	for _, worker := range st.Workers {
		panics += worker.Panics
		restarts += worker.Restarts
	}
	// The last scaling left two workers; the counts of removed workers are gone.
	if panics == 0 || restarts == 0 || st.WorkersWanted != 2 || len(st.Workers) != 2 {
		t.Errorf("status = %+v, want 2 workers, with panics and restarts", st)
	}
	p.eventually("as many descriptors as before", func() bool { return p.descriptors() <= fds+12 })
	p.eventually("the end of draining generations", func() bool { return p.status().DrainingGenerations == 0 })
}

// descriptors returns the number of the process's open file descriptors.
func (p *process) descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

func TestStuckRequestsAbandonTheirGeneration(t *testing.T) {
	t.Parallel()
	// WORKER_STALL_AFTER exceeds one second: after a pause of one second the watchdog
	// assumes that the process itself was suspended.
	p := start(t, t.TempDir(), "WORKER_STALL_AFTER=2s", "PING_INTERVAL=200ms", "READ_TIMEOUT=1s", "INGEST_TIMEOUT=1s", "WORKER_ABANDON_LIMIT=2", "WORKER_MAX_RESTARTS=100")
	load := startLoad(p.addr, 8, nil, checkHealth)
	stall := func() {
		c := &client{addr: p.addr, connPerRequest: true}
		go func() { // ends with the process
			_, _, _ = c.do("POST", "/api/faults/stall", "")
			c.close()
		}()
	}
	for n := 1; n <= 2; n++ {
		stall()
		p.eventually("an abandoned generation", func() bool { return p.status().AbandonedGenerations == n })
	}
	load.stopAndCheck(t)
	stall()
	if code := p.wait(); code != 70 {
		t.Errorf("exit code = %d, want 70", code)
	}
	if log := p.log.String(); !strings.Contains(log, `"worker abandoned"`) || !strings.Contains(log, "app/server/fault_injection.go") {
		t.Error("the log lacks \"worker abandoned\" or the stack of the stuck request")
	}
}

func TestRepeatedWorkerFailuresEndTheProcess(t *testing.T) {
	p := start(t, t.TempDir(), "CLUSTER_WORKERS=1", "WORKER_MAX_RESTARTS=3")
	for range 4 {
		p.injectFault("worker")
	}
	if code := p.wait(); code != 70 {
		t.Errorf("exit code = %d, want 70", code)
	}
}

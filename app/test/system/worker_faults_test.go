//go:build integration

package system_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Whatever is done to the workers under load, nobody but the panicking
// requests notices.
func TestWorkerFaultsFailNoOtherRequest(t *testing.T) {
	p := start(t, t.TempDir(), "WORKER_MAX_RESTARTS=100000", "WORKER_MIN_UPTIME=10ms")
	fds := p.descriptors()
	w := startLoad(p.addr, 64, nil, checkHealth)
	for i := range 1000 {
		if status := p.injectFault("panic"); status != http.StatusInternalServerError {
			t.Fatalf("panic %d = %d, want 500", i, status)
		}
	}
	for range 200 {
		if status := p.injectFault("worker"); status != http.StatusOK {
			t.Fatalf("fault worker = %d", status)
		}
	}
	for i := range 50 {
		if out, code := p.runCommand("reload"); code != 0 {
			t.Fatalf("reload %d = %d: %s", i, code, out)
		}
		if out, code := p.runCommand("scale", fmt.Sprint(1+i%4)); code != 0 {
			t.Fatalf("scale %d = %d: %s", i, code, out)
		}
	}
	for range 20 {
		if status := p.injectFault("goexit"); status != http.StatusInternalServerError {
			t.Fatalf("goexit = %d, want 500", status)
		}
	}
	w.stopAndCheck(t)
	st := p.status()
	var panics, restarts uint64
	for _, worker := range st.Workers {
		panics += worker.Panics
		restarts += worker.Restarts
	}
	// The last scaling left two workers; those that went took their counts along.
	if panics == 0 || restarts == 0 || st.WorkersWanted != 2 || len(st.Workers) != 2 {
		t.Errorf("status = %+v", st)
	}
	p.eventually("descriptors as before", func() bool { return p.descriptors() <= fds+12 })
	p.eventually("generations ended", func() bool { return p.status().DrainingGenerations == 0 })
}

// descriptors counts the process's open files.
func (p *process) descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

func TestStuckRequestsAbandonTheirGeneration(t *testing.T) {
	t.Parallel()
	// Longer than the second from which on a process that nobody lets run is known
	// to have stood still: its requests are not stuck.
	p := start(t, t.TempDir(), "WORKER_STALL_AFTER=2s", "PING_INTERVAL=200ms", "WORKER_ABANDON_LIMIT=2", "WORKER_MAX_RESTARTS=100")
	w := startLoad(p.addr, 8, nil, checkHealth)
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
	w.stopAndCheck(t)
	stall()
	if code := p.wait(); code != 70 {
		t.Errorf("exit code = %d, want 70", code)
	}
	if log := p.log.String(); !strings.Contains(log, `"worker abandoned"`) || !strings.Contains(log, "app/server/fault_injection.go") {
		t.Error("the log does not show where the stuck request is")
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

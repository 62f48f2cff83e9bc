//go:build integration

package system_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// acknowledged remembers the readings that the server took.
type acknowledgedReadings struct {
	mu   sync.Mutex
	last map[string]int
}

// send posts the next reading of a client's machine; the value counts them.
func (a *acknowledgedReadings) postNext(i int, c *client) error {
	machine := fmt.Sprint("m", i)
	a.mu.Lock()
	n := a.last[machine] + 1
	a.mu.Unlock()
	body := fmt.Sprintf(`{"machine":%q,"ts":%d,"values":{"n":%d}}`, machine, 1_700_000_000_000+n, n)
	status, text, err := c.do("POST", "/api/v1/telemetry", body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("telemetry = %d %s", status, text)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last[machine] = n
	return nil
}

// check compares the store with what was acknowledged.
func (a *acknowledgedReadings) checkStored(p *process) {
	p.t.Helper()
	total := 0
	for machine, n := range a.last {
		total += n
		status, body := p.get("/api/v1/machines/" + machine + "/history")
		var page struct {
			Series []struct{ Points [][2]float64 }
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK || len(page.Series) != 1 {
			p.t.Fatalf("history of %s = %d %.200s (%v)", machine, status, body, err)
		}
		points := page.Series[0].Points
		// One more may have been stored that nobody was told of.
		if len(points) < n {
			p.t.Fatalf("%s has %d points, %d were acknowledged", machine, len(points), n)
		}
		for i, point := range points[:n] {
			if int(point[1]) != i+1 {
				p.t.Fatalf("point %d of %s is %v", i, machine, point)
			}
		}
	}
	if total == 0 {
		p.t.Fatal("nothing was acknowledged: the test shows nothing")
	}
}

// SIGTERM under load costs no request, and every acknowledged reading is there
// after the next start.
func TestSIGTERMLosesNoRequest(t *testing.T) {
	dir := t.TempDir()
	sent := &acknowledgedReadings{last: map[string]int{}}
	for round := range 20 {
		p := start(t, dir, "SHUTDOWN_TIMEOUT=10m") // nobody is cut off
		if round > 0 {
			sent.checkStored(p)
		}
		var ending atomic.Bool
		health := startLoad(p.addr, 16, &ending, checkHealth)
		ingest := startLoad(p.addr, 16, &ending, sent.postNext)
		before := ingest.served.Load()
		p.eventually("readings under way", func() bool { return ingest.served.Load() > before+200 && health.served.Load() > 200 })
		ending.Store(true)
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Errorf("round %d: exit code = %d, want 0", round, code)
		}
		health.stopAndCheck(t)
		ingest.stopAndCheck(t)
	}
	sent.checkStored(start(t, dir))
}

// kill -9 at any moment loses nothing that was acknowledged.
func TestSIGKILLLosesNoAcknowledgedReading(t *testing.T) {
	dir := t.TempDir()
	sent := &acknowledgedReadings{last: map[string]int{}}
	for round := range 10 {
		p := start(t, dir)
		if round > 0 {
			sent.checkStored(p)
		}
		ingest := startLoad(p.addr, 32, nil, sent.postNext)
		p.eventually("readings under way", func() bool { return ingest.served.Load() > int64(100+60*round) })
		p.signal(syscall.SIGKILL)
		<-p.ended
		close(ingest.stop)
		ingest.wg.Wait() // what was under way is lost, and nobody was promised it
	}
	sent.checkStored(start(t, dir))
}

func TestSecondSignalExitsAtOnce(t *testing.T) {
	p := start(t, t.TempDir(), "SHUTDOWN_DELAY=1h")
	p.signal(syscall.SIGINT)
	p.eventually("drain", func() bool { return p.status().State == "draining" })
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 130 {
		t.Errorf("exit code = %d, want 130", code)
	}
}

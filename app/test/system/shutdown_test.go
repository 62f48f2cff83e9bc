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

// acknowledgedReadings records which readings the server has acknowledged.
type acknowledgedReadings struct {
	mu sync.Mutex
	// last is the value of the last acknowledged reading, by machine. Values count
	// from 1.
	last map[string]int
}

// postNext posts the next reading of client i, which has a machine of its own.
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
		return fmt.Errorf("POST /api/v1/telemetry = %d %s, want 200", status, text)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last[machine] = n
	return nil
}

// checkStored fails the test if the server at p lacks an acknowledged reading.
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
			p.t.Fatalf("history of %s = %d %.200s, %v, want one series", machine, status, body, err)
		}
		points := page.Series[0].Points
		// One more may be stored whose response did not arrive.
		if len(points) < n {
			p.t.Fatalf("history of %s has %d points, want the %d acknowledged ones", machine, len(points), n)
		}
		for i, point := range points[:n] {
			if int(point[1]) != i+1 {
				p.t.Fatalf("point %d of %s = %v, want value %d", i, machine, point, i+1)
			}
		}
	}
	if total == 0 {
		p.t.Fatal("no reading was acknowledged, so the test checks nothing")
	}
}

// SIGTERM under load fails no request, and the next process has every acknowledged
// reading.
func TestSIGTERMLosesNoRequest(t *testing.T) {
	dir := t.TempDir()
	readings := &acknowledgedReadings{last: map[string]int{}}
	for round := range 20 {
		p := start(t, dir, "SHUTDOWN_TIMEOUT=10m") // long enough for every request
		if round > 0 {
			readings.checkStored(p)
		}
		var stopping atomic.Bool
		health := startLoad(p.addr, 16, &stopping, checkHealth)
		ingest := startLoad(p.addr, 16, &stopping, readings.postNext)
		before := ingest.served.Load()
		p.eventually("readings accepted", func() bool { return ingest.served.Load() > before+200 && health.served.Load() > 200 })
		stopping.Store(true)
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Errorf("round %d: exit code = %d, want 0", round, code)
		}
		health.stopAndCheck(t)
		ingest.stopAndCheck(t)
	}
	readings.checkStored(start(t, dir))
}

// SIGKILL at any moment loses no acknowledged reading.
func TestSIGKILLLosesNoAcknowledgedReading(t *testing.T) {
	dir := t.TempDir()
	readings := &acknowledgedReadings{last: map[string]int{}}
	for round := range 10 {
		p := start(t, dir)
		if round > 0 {
			readings.checkStored(p)
		}
		ingest := startLoad(p.addr, 32, nil, readings.postNext)
		p.eventually("readings accepted", func() bool { return ingest.served.Load() > int64(100+60*round) })
		p.signal(syscall.SIGKILL)
		<-p.ended
		close(ingest.stop)
		ingest.wg.Wait() // requests in flight fail, but their readings are not acknowledged
	}
	readings.checkStored(start(t, dir))
}

func TestSecondSignalExitsAtOnce(t *testing.T) {
	p := start(t, t.TempDir(), "SHUTDOWN_DELAY=1h")
	p.signal(syscall.SIGINT)
	p.eventually("the state draining", func() bool { return p.status().State == "draining" })
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 130 {
		t.Errorf("exit code = %d, want 130", code)
	}
}

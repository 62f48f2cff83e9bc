//go:build integration

package system_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"smart-factory-backend/app/testkit/porttest"
	"smart-factory-backend/app/testkit/postgrestest"
)

// PostgreSQL is killed and restarted three times while two replicas are under load.
// During an outage every reading is either stored or refused with 503 and
// Retry-After, readiness fails and liveness does not. Afterwards the replicas recover
// without a restart.
func TestPostgresOutageLosesNoAcknowledgedReading(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.New() // with the default settings, each commit is synced
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	env := []string{"DATABASE_URL=" + server.URL(""), "DATABASE_CONNECT_TIMEOUT=2s", "DATABASE_STATEMENT_TIMEOUT=5s"}
	replicas := []*process{start(t, t.TempDir(), env...), start(t, t.TempDir(), env...)}
	readings := &outageReadings{acknowledgedReadings: acknowledgedReadings{last: map[string]int{}}}
	var loads []*loadGenerator // per replica, one of writers and one of readers
	for i, p := range replicas {
		// checkHealth fails the test if health is not 200 during an outage.
		loads = append(loads, startLoad(p.addr, 8, nil, func(n int, c *client) error { return readings.postNext(8*i+n, c) }), startLoad(p.addr, 2, nil, checkHealth))
	}
	served := func() (n int64) {
		for i := 0; i < len(loads); i += 2 {
			n += loads[i].served.Load()
		}
		return n
	}
	waitForMore := func(p *process) {
		t.Helper()
		before := readings.accepted.Load()
		p.eventually("accepted readings", func() bool { return readings.accepted.Load() > before+200 })
	}
	waitForMore(replicas[0])
	for round := range 3 {
		server.Kill()
		for _, p := range replicas {
			p.eventually("readiness 503", func() bool { return p.probe("ready") == http.StatusServiceUnavailable })
			if status, body := p.get("/api/health"); status != http.StatusOK || !strings.Contains(body, `"status":"degraded"`) || !strings.Contains(body, `"store":"failing"`) {
				t.Errorf("round %d: health without a database = %d %s, want 200 and degraded", round, status, body)
			}
			if status := p.probe("live"); status != http.StatusOK {
				t.Errorf("round %d: liveness without a database = %d, want 200", round, status)
			}
			if status, body := p.get("/api/v1/latest"); status != http.StatusServiceUnavailable {
				t.Errorf("round %d: latest without a database = %d %s, want 503", round, status, body)
			}
		}
		refused := readings.refused.Load()
		replicas[0].eventually("refused readings", func() bool { return readings.refused.Load() > refused+50 })
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		for _, p := range replicas {
			p.eventually("readiness 200 after the outage", func() bool { return p.probe("ready") == http.StatusOK })
			p.eventually("health ok after the outage", func() bool {
				_, body := p.get("/api/health")
				return strings.Contains(body, `"status":"ok"`)
			})
			waitForMore(p)
		}
	}
	for _, w := range loads {
		w.stopAndCheck(t)
	}
	if served() == 0 || readings.refused.Load() == 0 {
		t.Errorf("%d readings accepted and %d refused, so the test checks nothing", served(), readings.refused.Load())
	}
	for _, p := range replicas { // each serves the readings that both accepted
		readings.checkStored(p)
		if n := strings.Count(p.log.String(), `"msg":"store works again"`); n < 3 {
			t.Errorf("the log has \"store works again\" %d times, want at least 3", n)
		}
	}
}

// outageReadings posts readings to a store that may fail. A refusal must be 503 with
// Retry-After, which makes clients retry.
type outageReadings struct {
	acknowledgedReadings
	accepted, refused atomic.Int64
}

func (o *outageReadings) postNext(i int, c *client) error {
	err := o.acknowledgedReadings.postNext(i, c)
	if err == nil {
		o.accepted.Add(1)
		return nil
	}
	if c.status != http.StatusServiceUnavailable {
		return err
	}
	if c.header.Get("Retry-After") == "" {
		return fmt.Errorf("503 without Retry-After: %w", err)
	}
	o.refused.Add(1)
	return nil
}

// A server that starts before its database waits for it, alive and unready, and
// serves once it is there. SIGTERM while it waits ends it.
func TestIntegrationStartBeforeTheDatabase(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	server.Kill()
	env := []string{"DATABASE_URL=" + server.URL("")}
	var waiting []*process
	for range 2 {
		port := porttest.ForTest(t)
		p := launch(t, environment(t, t.TempDir(), port, env...))
		p.addr = fmt.Sprint("127.0.0.1:", port)
		p.eventually("the wait", func() bool { return strings.Contains(p.log.String(), "waiting for the database") })
		p.eventually("liveness", func() bool {
			resp, err := http.Get("http://" + p.addr + "/api/health/live")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
		if status := p.probe("ready"); status != http.StatusServiceUnavailable {
			t.Errorf("readiness without a database = %d, want 503", status)
		}
		waiting = append(waiting, p)
	}
	waiting[1].signal(syscall.SIGTERM)
	waiting[1].expectGracefulEnd()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	p := waiting[0]
	p.eventually("readiness", func() bool { return p.probe("ready") == http.StatusOK })
	resp, err := http.Post("http://"+p.addr+"/api/v1/telemetry", "application/json", strings.NewReader(`{"machine":"m","values":{"a":1}}`))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("POST telemetry = %v, %v", resp, err)
	}
	_ = resp.Body.Close()
}

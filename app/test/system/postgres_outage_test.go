//go:build integration

package system_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"smart-factory-backend/app/testkit/postgrestest"
)

// Two replicas under load while PostgreSQL is killed and comes back, thrice:
// readings are refused with 503 and Retry-After meanwhile, or taken for good;
// the processes live on, say so to the probes, and go on by themselves.
func TestPostgresOutageLosesNoAcknowledgedReading(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.New() // with its defaults: each commit is synced
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	env := []string{"DATABASE_URL=" + server.URL(""), "DATABASE_CONNECT_TIMEOUT=2s", "DATABASE_STATEMENT_TIMEOUT=5s"}
	replicas := []*process{start(t, t.TempDir(), env...), start(t, t.TempDir(), env...)}
	outages := &outageReadings{acknowledgedReadings: acknowledgedReadings{last: map[string]int{}}}
	var loads []*loadGenerator
	for i, p := range replicas {
		// Live says no all the time, whatever becomes of the database.
		loads = append(loads, startLoad(p.addr, 8, nil, func(n int, c *client) error { return outages.postNext(8*i+n, c) }), startLoad(p.addr, 2, nil, checkHealth))
	}
	served := func() (n int64) {
		for i := 0; i < len(loads); i += 2 {
			n += loads[i].served.Load()
		}
		return n
	}
	more := func(p *process) {
		t.Helper()
		before := outages.accepted.Load()
		p.eventually("readings are taken", func() bool { return outages.accepted.Load() > before+200 })
	}
	more(replicas[0])
	for round := range 3 {
		server.Kill()
		for _, p := range replicas {
			p.eventually("readiness tells", func() bool { return p.probe("ready") == http.StatusServiceUnavailable })
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
		refused := outages.refused.Load()
		replicas[0].eventually("readings are refused", func() bool { return outages.refused.Load() > refused+50 })
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		for _, p := range replicas {
			p.eventually("ready again by itself", func() bool { return p.probe("ready") == http.StatusOK })
			p.eventually("ok again", func() bool {
				_, body := p.get("/api/health")
				return strings.Contains(body, `"status":"ok"`)
			})
			more(p)
		}
	}
	for _, w := range loads {
		w.stopAndCheck(t)
	}
	if served() == 0 || outages.refused.Load() == 0 {
		t.Errorf("%d answers, %d refusals: the test shows nothing", served(), outages.refused.Load())
	}
	for _, p := range replicas { // each has what both took
		outages.checkStored(p)
		if n := strings.Count(p.log.String(), `"msg":"store works again"`); n < 3 {
			t.Errorf("the log tells %d times that the store works again, want each time", n)
		}
	}
}

// outages sends readings to a store that may be away: what is refused must be
// so in the way that has clients come again.
type outageReadings struct {
	acknowledgedReadings
	accepted, refused counter
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

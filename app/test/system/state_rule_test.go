//go:build integration

package system_test

import (
	"net/http"
	"strings"
	"testing"
)

// A rule on states holds for a machine that has not reported anything when the rule is
// made.
func TestRuleOnStatesMadeBeforeTheFirstReading(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	for _, request := range [][3]string{
		{http.MethodPut, "/api/v1/machines/press-1", `{"signals":{"state":{"metric":"state","map":{"RUN":"running","DOWN":"fault"}}}}`},
		{http.MethodPut, "/api/v1/alarm-rules/down", `{"scope":{},"when":{"op":"state","state":"fault"},"severity":"urgent"}`},
		{http.MethodPost, "/api/v1/telemetry", `{"machine":"press-1","values":{"state":"RUN"}}`},
	} {
		if status, body := p.change(request[0], request[1], request[2]); status >= http.StatusBadRequest {
			t.Fatalf("%s %s = %d %s", request[0], request[1], status, body)
		}
	}
	p.eventually("the state", func() bool {
		_, body := p.get("/api/v1/events?kind=state&after=0")
		return strings.Contains(body, `"running"`)
	})
	if _, body := p.get("/api/v1/alarms"); strings.Contains(body, `"rule":"down"`) {
		t.Errorf("alarms of a running machine = %s", body)
	}
	p.change(http.MethodPost, "/api/v1/telemetry", `{"machine":"press-1","values":{"state":"DOWN"}}`)
	p.eventually("the alarm", func() bool {
		_, body := p.get("/api/v1/alarms")
		return strings.Contains(body, `"rule":"down"`) && strings.Contains(body, `"state":"active_unacked"`)
	})
	p.change(http.MethodPost, "/api/v1/telemetry", `{"machine":"press-1","values":{"state":"RUN"}}`)
	p.eventually("its return", func() bool {
		_, body := p.get("/api/v1/alarms")
		return strings.Contains(body, `"state":"returned_unacked"`)
	})
}

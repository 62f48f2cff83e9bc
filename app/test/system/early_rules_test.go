//go:build integration

package system_test

import (
	"net/http"
	"strings"
	"testing"
)

// Rules hold for a machine that has not reported anything when they are made, or that
// does not even exist then.
func TestRulesMadeBeforeTheFirstReading(t *testing.T) {
	t.Parallel()
	const machine = `{"signals":{"state":{"metric":"state","map":{"RUN":"running","DOWN":"fault"}}}}`
	for name, tt := range map[string]struct {
		before []string // paths and bodies of PUT requests in turn
		rule   string
		after  []string
		first  string // the values that raise nothing yet
		then   string // those that raise the alarm; "" for none
	}{
		"a state, of a machine with a document": {
			before: []string{"/api/v1/machines/press-1", machine}, rule: `{"scope":{},"when":{"op":"state","state":"fault"}}`,
			first: `{"state":"RUN"}`, then: `{"state":"DOWN"}`,
		},
		"a state, of a machine that comes later": {
			rule: `{"scope":{},"when":{"op":"state","state":"fault"}}`, after: []string{"/api/v1/machines/press-1", machine},
			first: `{"state":"RUN"}`, then: `{"state":"DOWN"}`,
		},
		"a limit, of a metric with a document": {
			before: []string{"/api/v1/machines/press-1", "{}", "/api/v1/machines/press-1/metrics/temperature", `{"unit":"Cel"}`},
			rule:   `{"scope":{},"metric":"temperature","when":{"op":">","limit":80}}`, first: `{"temperature":70}`, then: `{"temperature":90}`,
		},
		"no data": {
			before: []string{"/api/v1/machines/press-1", "{}"}, rule: `{"machine":"press-1","when":{"op":"no_data","for":"2s"}}`,
			first: `{"temperature":70}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, t.TempDir())
			requests := append(append(tt.before, "/api/v1/alarm-rules/rule", tt.rule), tt.after...)
			for i := 0; i < len(requests); i += 2 {
				if status, body := p.change(http.MethodPut, requests[i], requests[i+1]); status >= http.StatusBadRequest {
					t.Fatalf("PUT %s = %d %s", requests[i], status, body)
				}
			}
			p.send(tt.first)
			if tt.then != "" {
				p.eventually("the readings", func() bool {
					_, body := p.get("/api/v1/latest")
					return strings.Contains(body, `"machine":"press-1"`)
				})
				if _, body := p.get("/api/v1/alarms"); strings.Contains(body, `"rule":"rule"`) {
					t.Errorf("alarms before there is a reason = %s", body)
				}
				p.send(tt.then)
			}
			p.eventually("the alarm", func() bool {
				_, body := p.get("/api/v1/alarms")
				return strings.Contains(body, `"rule":"rule"`) && strings.Contains(body, `"state":"active_unacked"`)
			})
			p.send(tt.first)
			p.eventually("its return", func() bool {
				_, body := p.get("/api/v1/alarms")
				return strings.Contains(body, `"state":"returned_unacked"`)
			})
		})
	}
}

// send stores readings of press-1.
func (p *process) send(values string) {
	p.t.Helper()
	if status, body := p.change(http.MethodPost, "/api/v1/telemetry", `{"machine":"press-1","values":`+values+`}`); status != http.StatusOK {
		p.t.Fatalf("POST telemetry = %d %s", status, body)
	}
}

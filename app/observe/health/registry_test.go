package health_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/observe/health"
)

func TestProbes(t *testing.T) {
	t.Parallel()
	type probe struct {
		status string
		ok     bool
	}
	unstarted := func(p *fixture) { p.Registry = health.New(p, p.now) }
	tests := map[string]struct {
		change               func(*fixture)
		live, ready, startup probe
	}{
		"all is well": {func(*fixture) {}, probe{"ok", true}, probe{"ready", true}, probe{"started", true}},
		"start is not complete": {
			unstarted,
			probe{"degraded", true},
			probe{"starting", false},
			probe{"starting", false},
		},
		"one worker of two runs": {
			func(p *fixture) { p.running.Store(1) },
			probe{"degraded", true},
			probe{"ready", true},
			probe{"started", true},
		},
		"no worker runs": {
			func(p *fixture) { p.running.Store(0) },
			probe{"down", false},
			probe{"ready", true},
			probe{"started", true},
		},
		"shutdown has begun": {
			func(p *fixture) { p.draining.Store(true) },
			probe{"degraded", true},
			probe{"draining", false},
			probe{"started", true},
		},
		"no worker is left at the end of a shutdown": {
			func(p *fixture) { p.draining.Store(true); p.running.Store(0) },
			probe{"degraded", true},
			probe{"draining", false},
			probe{"started", true},
		},
		"a dependency fails": {
			func(p *fixture) { p.Add("store", health.Readiness, failing) },
			probe{"degraded", true},
			probe{"unavailable", false},
			probe{"started", true},
		},
		"the check of a dependency panics": {
			func(p *fixture) { p.Add("store", health.Readiness, panicking) },
			probe{"degraded", true},
			probe{"unavailable", false},
			probe{"started", true},
		},
		"one dependency of two fails": {
			func(p *fixture) { p.Add("redis", health.Readiness, passing); p.Add("store", health.Readiness, failing) },
			probe{"degraded", true},
			probe{"unavailable", false},
			probe{"started", true},
		},
		"a liveness check fails": {
			func(p *fixture) { p.Add("loop", health.Liveness, failing) },
			probe{"down", false},
			probe{"ready", true},
			probe{"started", true},
		},
		"an advisory check fails": {
			func(p *fixture) { p.Add("stored_data", health.Advisory, failing) },
			probe{"degraded", true},
			probe{"ready", true},
			probe{"started", true},
		},
		"a startup check fails": {
			func(p *fixture) { p.Add("migration", health.Startup, failing) },
			probe{"degraded", true},
			probe{"ready", true},
			probe{"starting", false},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newFixture()
			tt.change(p)
			for which, c := range map[string]struct {
				ask  func() ([]byte, bool)
				want probe
			}{"Live": {p.Live, tt.live}, "Ready": {p.Ready, tt.ready}, "Startup": {p.Startup, tt.startup}} {
				body, ok := c.ask()
				if got := (probe{decode(t, body).Status, ok}); got != c.want {
					t.Errorf("%s() = %s, %v, want %+v", which, body, ok, c.want)
				}
				if bytes.Contains(body, []byte("10.0.0.7")) || bytes.Contains(body, []byte("panic")) {
					t.Errorf("%s() = %s: shows the text of an error to everybody", which, body)
				}
			}
		})
	}
}

func TestLiveBody(t *testing.T) {
	t.Parallel()
	p := newFixture()
	p.Add("store", health.Readiness, passing)
	p.Add("redis", health.Readiness, failing)
	p.Add("loop", health.Liveness, passing)
	p.advance(12*time.Second + 345*time.Millisecond)
	body, _ := p.Live()
	const want = `{"status":"degraded","workers":{"running":2,"total":2},"uptime_s":12.3,` +
		`"checks":{"loop":"ok","redis":"failing","store":"ok"}}`
	if string(body) != want {
		t.Errorf("Live() = %s, want %s", body, want)
	}
}

func TestProbesShowTheirOwnChecks(t *testing.T) {
	t.Parallel()
	p := newFixture()
	p.Add("migration", health.Startup, passing)
	p.Add("store", health.Readiness, failing)
	if body, _ := p.Ready(); string(body) != `{"status":"unavailable","checks":{"store":"failing"}}` {
		t.Errorf("Ready() = %s, want the readiness checks", body)
	}
	if body, _ := p.Startup(); string(body) != `{"status":"started","checks":{"migration":"ok"}}` {
		t.Errorf("Startup() = %s, want the startup checks", body)
	}
}

func TestDetailShowsErrors(t *testing.T) {
	t.Parallel()
	p := newFixture()
	p.Add("store", health.Readiness, failing)
	p.Add("redis", health.Readiness, panicking)
	p.Add("loop", health.Liveness, passing)
	got, err := json.Marshal(p.Detail())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"status":"degraded","ready":false,"started":true,"draining":false,"workers":{"running":2,"total":2},"uptime_s":0,"checks":[` +
		`{"name":"store","kind":"readiness","status":"failing","error":"` + secret + `"},` +
		`{"name":"redis","kind":"readiness","status":"failing","error":"check redis panicked: ` + secret + `"},` +
		`{"name":"loop","kind":"liveness","status":"ok"}]}`
	if string(got) != want {
		t.Errorf("Detail() = %s,\nwant %s", got, want)
	}
}

func TestAddPanicsOnMisuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		add  func(*fixture)
		want string
	}{
		"a name twice":    {func(p *fixture) { p.Add("store", health.Readiness, passing); p.Add("store", health.Startup, passing) }, `two checks are named "store"`},
		"an unknown kind": {func(p *fixture) { p.Add("store", health.Kind(9), passing) }, `unknown kind Kind(9)`},
		"no kind":         {func(p *fixture) { p.Add("store", health.Kind(0), passing) }, `unknown kind Kind(0)`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, tt.want) {
					t.Errorf("Add panicked with %q, want it to say %q", text, tt.want)
				}
			}()
			tt.add(newFixture())
		})
	}
}

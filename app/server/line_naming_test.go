package server

import (
	"net/http"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

// beginStore makes a store with one reading, as a release before INFLUX_TAGS did.
func beginStore(t *testing.T, s *settings) {
	t.Helper()
	c, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: c.SQLitePath(), AutoRegister: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(t.Context(), []factory.Reading{{Machine: "e", Metric: "usage", ObservedAt: 1_700_000_000_000}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// writeLine stores a line and returns the metrics of its machine.
func writeLine(t *testing.T, a *App, line string) (metrics string) {
	t.Helper()
	response, err := http.Post("http://"+a.supervisor.Addr().String()+"/api/v2/write", "text/plain", strings.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("write = %s, want 204", response.Status)
	}
	page, err := a.store.Latest(t.Context(), factory.LatestQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Readings {
		metrics += " " + r.Metric
	}
	return metrics
}

// A store goes on with the metric names with which it was begun, unless the
// configuration says otherwise. The log says so in one line.
func TestLineNaming(t *testing.T) {
	const line = "cpu,cpu=cpu0,host=e usage=1 1700000001000000000"
	for name, tt := range map[string]struct {
		old    bool
		env    []string
		want   string
		logged int
	}{
		"a new store":                        {want: ` cpu_usage{cpu="cpu0"}`},
		"a new store, short":                 {env: []string{"INFLUX_METRIC=field"}, want: ` usage{cpu="cpu0"}`},
		"a new store without tags":           {env: []string{"INFLUX_TAGS=drop"}, want: " cpu_usage"},
		"an old store":                       {old: true, want: " usage", logged: 1},
		"an old store with its measurements": {old: true, env: []string{"INFLUX_METRIC=measurement_field"}, want: " cpu_usage usage", logged: 1},
		"an old store that was told":         {old: true, env: []string{"INFLUX_TAGS=drop"}, want: " usage"},
		"an old store that changes":          {old: true, env: []string{"INFLUX_TAGS=keep", "INFLUX_METRIC=measurement_field"}, want: ` cpu_usage{cpu="cpu0"} usage`},
	} {
		t.Run(name, func(t *testing.T) {
			s := testSettings(t, tt.env...)
			if tt.old {
				beginStore(t, s)
			}
			for range 2 { // what the store has got from this release does not change it
				t.Run("start", func(t *testing.T) {
					a, log := launchWith(t, s)
					if got := writeLine(t, a, line); got != tt.want {
						t.Errorf("metrics =%s, want%s", got, tt.want)
					}
					if got := strings.Count(log.String(), "INFLUX_TAGS=keep"); got != tt.logged {
						t.Errorf("the log names INFLUX_TAGS=keep in %d lines, want %d:\n%s", got, tt.logged, log)
					}
				})
			}
		})
	}
}

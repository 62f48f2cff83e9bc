package server

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/lineprotocol"
	memstore "smart-factory-backend/app/store/memory"
	"smart-factory-backend/app/store/sqlite"
)

// appendUsage stores a reading as a release before INFLUX_TAGS did.
func appendUsage(t *testing.T, store factory.Store) {
	t.Helper()
	if _, err := store.Append(t.Context(), []factory.Reading{{Machine: "e", Metric: "usage", ObservedAt: 1_700_000_000_000}}); err != nil {
		t.Fatal(err)
	}
}

// writeLines stores lines and returns all metrics, sorted.
func writeLines(t *testing.T, a *App, lines string) (metrics []string) {
	t.Helper()
	response, err := http.Post("http://"+a.supervisor.Addr().String()+"/api/v2/write", "text/plain", strings.NewReader(lines))
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
		metrics = append(metrics, r.Machine+"/"+r.Metric)
	}
	slices.Sort(metrics)
	return metrics
}

// metricsOf returns how a store names the metrics of one line of each machine.
func metricsOf(t *testing.T, s *settings, store factory.Store) (metrics []string, log string) {
	t.Helper()
	c, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	buffer := &logBuffer{}
	n := &lineNaming{config: c, log: NewLogger(buffer, "json", new(slog.LevelVar)), store: store}
	n.begin(t.Context(), store)
	naming, earlier, err := n.naming(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := ingest.NewBatch(time.Now().UnixMilli(), 100)
	defer b.Release()
	d := lineprotocol.NewDecoder(lineprotocol.Mapping{MachineTag: c.InfluxMachineTag, Naming: naming, Earlier: earlier})
	lines := "cpu,cpu=cpu0,host=e usage=1,idle=2 1700000001000000000\ncpu,cpu=cpu0,host=f usage=3 1700000001000000000\n"
	if err := d.Decode(b, []byte(lines), lineprotocol.Nanosecond); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.Readings {
		metrics = append(metrics, r.Machine+"/"+r.Metric)
	}
	if _, err := store.Append(t.Context(), b.Readings); err != nil {
		t.Fatal(err)
	}
	slices.Sort(metrics)
	return metrics, buffer.String()
}

// Metrics that an earlier release has stored keep their names, unless the configuration
// says otherwise; all others have their tags. The log says so in one line.
func TestLineNaming(t *testing.T) {
	t.Parallel()
	const full = `e/cpu_idle{cpu="cpu0"} e/cpu_usage{cpu="cpu0"} f/cpu_usage{cpu="cpu0"}`
	for name, tt := range map[string]struct {
		old    bool
		env    []string
		want   string
		logged int
	}{
		"a new store":                        {want: full},
		"a new store, short":                 {env: []string{"INFLUX_METRIC=field"}, want: `e/idle{cpu="cpu0"} e/usage{cpu="cpu0"} f/usage{cpu="cpu0"}`},
		"a new store without tags":           {env: []string{"INFLUX_TAGS=drop"}, want: "e/cpu_idle e/cpu_usage f/cpu_usage"},
		"an old store":                       {old: true, want: `e/cpu_idle{cpu="cpu0"} e/usage f/cpu_usage{cpu="cpu0"}`, logged: 1},
		"an old store, short":                {old: true, env: []string{"INFLUX_METRIC=field"}, want: `e/idle{cpu="cpu0"} e/usage f/usage{cpu="cpu0"}`, logged: 1},
		"an old store with its measurements": {old: true, env: []string{"INFLUX_METRIC=measurement_field"}, want: full, logged: 1},
		"an old store as before":             {old: true, env: []string{"INFLUX_TAGS=drop", "INFLUX_METRIC=field"}, want: "e/idle e/usage f/usage"},
		"an old store that changes":          {old: true, env: []string{"INFLUX_TAGS=keep"}, want: full},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := memstore.New(memstore.Options{AutoRegister: true})
			if tt.old {
				appendUsage(t, store)
			}
			for range 2 { // what the store has got from this release does not change it
				got, log := metricsOf(t, testSettings(t, tt.env...), store)
				if !slices.Equal(got, strings.Fields(tt.want)) {
					t.Errorf("metrics = %q, want %s", got, tt.want)
				}
				if got := strings.Count(log, "INFLUX_TAGS=keep"); got != tt.logged {
					t.Errorf("the log names INFLUX_TAGS=keep in %d lines, want %d:\n%s", got, tt.logged, log)
				}
			}
		})
	}
}

// A store of an earlier release on disk goes on under its names.
func TestLineNamingOfAnEarlierStore(t *testing.T) {
	s := testSettings(t)
	c, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: c.SQLitePath(), AutoRegister: true})
	if err != nil {
		t.Fatal(err)
	}
	appendUsage(t, store)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	a, log := launchWith(t, s)
	got := writeLines(t, a, "cpu,cpu=cpu0,host=e usage=1,idle=2 1700000001000000000")
	if want := []string{`e/cpu_idle{cpu="cpu0"}`, "e/usage"}; !slices.Equal(got, want) {
		t.Errorf("metrics = %q, want %q", got, want)
	}
	if text := log.String(); strings.Count(text, "keep their names") != 1 {
		t.Errorf("the log is\n%s\nwant one line about the names", text)
	}
}

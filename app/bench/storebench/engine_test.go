package main

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
)

// TestEmbeddedEngines checks that an engine does what is measured of it: else
// the figures compare nothing.
func TestEmbeddedEnginesStoreAndReadBack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{sqliteName, rowsName} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			e, err := open(ctx, settings{engine: name, path: filepath.Join(t.TempDir(), "test.db")})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := e.close(); err != nil {
					t.Error(err)
				}
			}()
			empty, err := e.size(ctx)
			if err != nil {
				t.Fatal(err)
			}
			// 600 seconds of 20 series, one of them twice, in batches of which
			// the last is no multiple of a prepared statement's rows.
			readings := make([]factory.Reading, 20*600)
			newGenerator(20).fill(readings)
			for _, batch := range [][]factory.Reading{readings[:7777], readings[7777:], readings[:20]} {
				if err := e.append(ctx, batch); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.settle(ctx); err != nil {
				t.Fatal(err)
			}
			const machine, metric = "machine-1", "metric_3"
			for what, got := range map[string]func() (int, error){
				"600 points":     func() (int, error) { return e.raw(ctx, machine, metric, generatorStart, generatorStart+600_000) },
				"10 points":      func() (int, error) { return e.raw(ctx, machine, metric, generatorStart+1000, generatorStart+11_000) },
				"10 minutes":     func() (int, error) { return e.buckets(ctx, machine, metric, 60_000) },
				"12 spans":       func() (int, error) { return e.buckets(ctx, machine, metric, 50_000) },
				"20 newest ones": func() (int, error) { return e.latest(ctx, 20) },
			} {
				var want int
				for _, digit := range strings.Fields(what)[0] {
					want = want*10 + int(digit-'0')
				}
				if n, err := got(); err != nil || n != want {
					t.Errorf("%s: %d, %v", what, n, err)
				}
			}
			if size, err := e.size(ctx); err != nil || size <= empty {
				t.Errorf("size() = %d, %v, want more than the %d of nothing", size, err, empty)
			}
		})
	}
}

// TestAppendJob runs a job as the benchmark does.
func TestAppendJob(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	args := []string{"-job", "append", "-engine", rowsName, "-path", filepath.Join(t.TempDir(), "test.db"), "-points", "2500", "-series", "10"}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"points_per_cpu_second", "points_per_second", "bytes_per_point", "p50_ms", "worst_ms"} {
		if r.Figures[key] <= 0 {
			t.Errorf("%s = %v, want more than nothing; all: %v", key, r.Figures[key], r.Figures)
		}
	}
}

// TestGrowth checks what a stretch of growth tells, and that the points go on
// where the last stretch ended.
func TestGrowthReportsEachMilestone(t *testing.T) {
	t.Parallel()
	s := settings{engine: sqliteName, path: filepath.Join(t.TempDir(), "test.db"), series: 10, batch: 100}
	e, err := open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	controls := 0
	g := &growingStore{
		settings: s, engine: e, generator: newGenerator(s.series), batch: make([]factory.Reading, s.batch), control: 1e9, controlInterval: 1000,
		newStore: func(context.Context) (float64, error) { controls++; return 1e9, nil },
	}
	defer func() {
		if err := g.engine.close(); err != nil {
			t.Error(err)
		}
	}()
	for _, points := range []int{1000, 2950} {
		figures, err := g.growTo(t.Context(), points)
		if err != nil {
			t.Fatal(err)
		}
		ratio := figures["cpu_of_new"] * 1e9 / figures["cpu_ns_per_point"]
		if figures["points"] < float64(points) || figures["cpu_ns_per_point"] <= 0 || ratio < 0.999 || ratio > 1.001 || figures["file_bytes_per_point"] <= 0 {
			t.Errorf("to(%d) = %v", points, figures)
		}
	}
	if n, err := e.raw(t.Context(), "machine-0", "metric_9", generatorStart, generatorStart+1e9); err != nil || n != 300 || controls != 3 {
		t.Errorf("%d points and %d controls, %v; want 300 and 3", n, controls, err)
	}
	figures, err := g.restart(t.Context())
	if err != nil || figures["open_ms"] <= 0 || figures["points"] != 3000 {
		t.Errorf("restart() = %v, %v", figures, err)
	}
}

func TestParseSettings(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"-job", "growth", "-path", "x", "-milestone", "1", "-milestone", "5"}, io.Discard)
	if err != nil || len(s.milestones) != 2 || s.milestones[1] != 5 {
		t.Errorf("parse() = %+v, %v", s, err)
	}
	for _, bad := range [][]string{
		{},
		{"-path", "x", "-job", "none"},
		{"-path", "x", "-engine", "none"},
		{"-engine", "copy"},
		{"-path", "x", "-batch", "0"},
		{"-path", "x", "-milestone", "5", "-milestone", "1"},
		{"-path", "x", "-milestone", "0"},
		{"-engine", "copy", "-url", "x", "-job", "day"},
		{"-path", "x", "more"},
	} {
		if _, err := parse(bad, io.Discard); err == nil {
			t.Errorf("parse(%q) = nil, want an error", bad)
		}
	}
}

// TestPlantData checks that regular data are: a point a second of each series,
// with three decimals, and no two series alike.
func TestGeneratorDataIsRegular(t *testing.T) {
	t.Parallel()
	p := newGenerator(30)
	batch := make([]factory.Reading, 30*100)
	p.fill(batch[:47])
	p.fill(batch[47:])
	seen := make(map[seriesKey][]float64)
	for i, r := range batch {
		if want := generatorStart + int64(i/30)*1000; r.ObservedAt != want {
			t.Fatalf("reading %d is of %d, want %d", i, r.ObservedAt, want)
		}
		if thousandths := r.Value * 1000; r.Value < 10 || r.Value > 30 || thousandths-float64(int(thousandths+0.5)) > 1e-6 {
			t.Fatalf("reading %d has %v", i, r.Value)
		}
		seen[seriesKey{r.Machine, r.Metric}] = append(seen[seriesKey{r.Machine, r.Metric}], r.Value)
	}
	first := make(map[[3]float64]bool)
	for k, values := range seen {
		if len(values) != 100 {
			t.Errorf("%v has %d points, want 100", k, len(values))
		}
		first[[3]float64(values)] = true
	}
	if len(seen) != 30 || len(first) != 30 {
		t.Errorf("%d series, %d of them different, want 30", len(seen), len(first))
	}
}

func TestReadRecording(t *testing.T) {
	t.Parallel()
	got, err := readRecording(nil, "pump", strings.NewReader("datetime,current,pressure\n2020-02-08 18:34:51,0.25,1\n2020-02-08 18:34:51,9,9\n2020-02-08 18:34:52,0.5,2\n"))
	at := time.Date(2020, 2, 8, 18, 34, 51, 0, time.UTC).UnixMilli()
	want := []factory.Reading{
		{Machine: "pump", Metric: "current", ObservedAt: at, Value: 0.25},
		{Machine: "pump", Metric: "pressure", ObservedAt: at, Value: 1},
		{Machine: "pump", Metric: "current", ObservedAt: at + 1000, Value: 0.5},
		{Machine: "pump", Metric: "pressure", ObservedAt: at + 1000, Value: 2},
	}
	if err != nil || len(got) != len(want) {
		t.Fatalf("readRecording() = %v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("reading %d is %v, want %v", i, got[i], want[i])
		}
	}
	for _, bad := range []string{"", "a,b\n2020-02-08,1\n", "a,b\n2020-02-08 18:34:51,x\n", "a,b\n2020-02-08 18:34:51\n"} {
		if _, err := readRecording(nil, "pump", strings.NewReader(bad)); err == nil {
			t.Errorf("readRecording(%q) = nil, want an error", bad)
		}
	}
}

func TestStatCPUTime(t *testing.T) {
	t.Parallel()
	stat := []byte("42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 7 3 20 5 20 0 1 0 12345")
	if alone, all := statCPUTime(stat, false), statCPUTime(stat, true); alone != 100*time.Millisecond || all != 350*time.Millisecond {
		t.Errorf("statTime() = %v, with ended children %v; want 100 ms, 350 ms", alone, all)
	}
}

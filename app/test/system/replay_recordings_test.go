//go:build integration

package system_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/store/storetest"
	"smart-factory-backend/app/testkit/postgrestest"
)

// replayedMetrics maps the columns of the recordings to the metrics that replay names
// after them. Columns of labels have no metric.
var replayedMetrics = map[string]string{
	"value": "value", "anomaly": "", "changepoint": "",
	"Accelerometer1RMS": "vibration_1_rms", "Accelerometer2RMS": "vibration_2_rms", "Current": "current", "Pressure": "pressure",
	"Temperature": "temperature", "Thermocouple": "coolant_temperature", "Voltage": "voltage", "Volume Flow RateRMS": "flow_rate",
}

// recording is the content of a file: values by metric and Unix time in milliseconds.
// If a time occurs more than once, the last line wins.
type recording struct {
	machine string
	series  map[string]map[int64]float64
}

// recordings returns the files of the shared data folder with whole set, or, if that
// folder does not exist, the extracts in the store's test data.
func recordings(t *testing.T) (files []string, all []recording, whole bool) {
	t.Helper()
	patterns := []string{filepath.Join("..", "..", "store", "storetest", "testdata", "*.csv")}
	if folder, ok := storetest.SharedData(); ok {
		whole = true
		patterns = []string{filepath.Join(folder, "nab", "*.csv"), filepath.Join(folder, "skab", "*.csv")}
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		all = append(all, readRecording(t, file))
	}
	return files, all, whole
}

func readRecording(t *testing.T, file string) recording {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reader := csv.NewReader(strings.NewReader(string(text)))
	if strings.Contains(string(text[:min(len(text), 100)]), ";") {
		reader.Comma = ';'
	}
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	r := recording{strings.TrimSuffix(filepath.Base(file), ".csv"), map[string]map[int64]float64{}}
	for _, row := range rows[1:] {
		at, err := time.Parse(time.DateTime, row[0])
		if err != nil {
			t.Fatal(err)
		}
		for i, cell := range row[1:] {
			metric, known := replayedMetrics[rows[0][i+1]]
			if !known {
				t.Fatalf("%s: column %q", file, rows[0][i+1])
			}
			if metric == "" {
				continue
			}
			value, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				t.Fatal(err)
			}
			if r.series[metric] == nil {
				r.series[metric] = map[int64]float64{}
			}
			r.series[metric][at.UnixMilli()] = value
		}
	}
	return r
}

// All recordings are replayed with the replay command and read back: as CSV, which must
// be bit-exact, by day and by month. A server on a backup, or a second replica, must
// return the same CSV.
func TestReplayedRecordingsAreReadBack(t *testing.T) {
	t.Parallel()
	files, all, whole := recordings(t)
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		p := start(t, dir)
		texts := replayAll(t, p, files, all, whole)
		backup := filepath.Join(t.TempDir(), "backup.db")
		if out, code := p.runCommand("backup", backup); code != 0 {
			t.Fatalf("backup = %d\n%s", code, out)
		}
		restored := start(t, t.TempDir(), "DATABASE_URL=sqlite://"+backup)
		checkSameCSV(t, restored, texts)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server, err := postgrestest.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Remove)
		url := "DATABASE_URL=" + server.URL("")
		p := start(t, t.TempDir(), url)
		texts := replayAll(t, p, files, all, whole)
		checkSameCSV(t, start(t, t.TempDir(), url), texts)
	})
}

// replayAll replays the files and checks what the server returns. It returns the CSV of
// each machine.
func replayAll(t *testing.T, p *process, files []string, all []recording, whole bool) (texts map[string]string) {
	t.Helper()
	if out, code := p.runCommand(append([]string{"replay", "--fast", "--url", "http://" + p.addr}, files...)...); code != 0 {
		t.Fatalf("replay = %d\n%s", code, out)
	}
	texts = map[string]string{}
	for _, r := range all {
		status, text := p.get("/api/v1/machines/" + r.machine + "/history?format=csv")
		if status != http.StatusOK {
			t.Fatalf("CSV of %s = %d %.200s", r.machine, status, text)
		}
		texts[r.machine] = text
		checkCSV(t, text, r)
		checkDays(t, p, r)
	}
	if whole {
		checkReferenceValues(t, p)
	}
	return texts
}

// checkCSV compares a machine's CSV with its recording.
func checkCSV(t *testing.T, text string, r recording) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 || strings.Join(rows[0], ",") != "ts,machine,metric,value" {
		t.Fatalf("CSV of %s: %v, header %v", r.machine, err, rows[:min(1, len(rows))])
	}
	total := 0
	for _, points := range r.series {
		total += len(points)
	}
	if len(rows)-1 != total {
		t.Errorf("CSV of %s has %d rows, want %d", r.machine, len(rows)-1, total)
	}
	for _, row := range rows[1:] {
		at, errAt := strconv.ParseInt(row[0], 10, 64)
		value, errValue := strconv.ParseFloat(row[3], 64)
		want, known := r.series[row[2]][at]
		if errAt != nil || errValue != nil || row[1] != r.machine || !known || math.Float64bits(value) != math.Float64bits(want) {
			t.Fatalf("CSV of %s has %v, want %v", r.machine, row, want)
		}
	}
}

// bucket is one bucket of a history response.
type bucket struct{ Min, Max, Avg, Sum, Count float64 }

// dailyBuckets returns the daily buckets of a metric by start. query is appended to the
// request.
func dailyBuckets(t *testing.T, p *process, machine, metric, query string) map[int64]bucket {
	t.Helper()
	status, body := p.get("/api/v1/machines/" + machine + "/history?interval=1d&metric=" + metric + query)
	var page struct {
		Series []struct {
			Metric string
			Points [][2]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK || len(page.Series) != 1 {
		t.Fatalf("daily buckets of %s %s = %d %.300s, %v", machine, metric, status, body, err)
	}
	all := map[int64]bucket{}
	for _, point := range page.Series[0].Points {
		var at int64
		var b bucket
		if err := json.Unmarshal(point[0], &at); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(point[1], &b); err != nil {
			t.Fatal(err)
		}
		all[at] = b
	}
	return all
}

// checkDays compares the daily buckets of every metric, in the time zone of Berlin,
// with the recording.
func checkDays(t *testing.T, p *process, r recording) {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for metric, points := range r.series {
		want, sums := map[int64]bucket{}, map[int64]*big.Float{}
		for _, at := range slices.Sorted(maps.Keys(points)) {
			year, month, day := time.UnixMilli(at).In(berlin).Date()
			start := time.Date(year, month, day, 0, 0, 0, 0, berlin).UnixMilli()
			b, known := want[start]
			if !known {
				b.Min, b.Max = points[at], points[at]
				sums[start] = new(big.Float).SetPrec(2200)
			}
			b.Min, b.Max, b.Count = min(b.Min, points[at]), max(b.Max, points[at]), b.Count+1
			sums[start].Add(sums[start], big.NewFloat(points[at]))
			want[start] = b
		}
		got := dailyBuckets(t, p, r.machine, metric, "&tz=Europe/Berlin")
		if len(got) != len(want) {
			t.Errorf("%s %s has %d days, want %d", r.machine, metric, len(got), len(want))
		}
		for at, w := range want {
			w.Sum, _ = sums[at].Float64() // rounded once
			w.Avg = w.Sum / w.Count
			if g := got[at]; g != w {
				t.Errorf("%s %s on %v: %+v, want %+v", r.machine, metric, time.UnixMilli(at).In(berlin), g, w)
			}
		}
	}
}

// checkReferenceValues checks days whose values are published in the README of the data,
// and one month. Those means come from a running sum, which rounds at every step, so
// they are compared with a tolerance.
func checkReferenceValues(t *testing.T, p *process) {
	t.Helper()
	const machine = "machine_temperature_system_failure"
	for day, want := range map[string]bucket{
		"2013-12-16": {2.0847212059999998, 102.9848334, 60.019513753322954, 0, 288},
		"2014-02-08": {25.88775208, 46.36014108, 34.49825129663196, 0, 288},
		"2014-01-07": {83.28404657, 95.85817817, 87.9318187573611, 0, 288},
	} {
		begin, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		got := dailyBuckets(t, p, machine, "value", fmt.Sprintf("&from=%s&to=%s", day, begin.AddDate(0, 0, 1).Format(time.DateOnly)))
		g := got[begin.UnixMilli()]
		if len(got) != 1 || g.Count != want.Count || g.Min != want.Min || g.Max != want.Max || math.Abs(g.Avg-want.Avg) > 2e-13 {
			t.Errorf("%s = %+v, want %+v", day, got, want)
		}
	}
	if got := dailyBuckets(t, p, machine, "value", ""); len(got) != 80 {
		t.Errorf("%d daily buckets, want 80", len(got))
	}
	january := dailyBuckets(t, p, machine, "value", "&from=2014-01-01&to=2014-02-01")
	count := 0.0
	for _, b := range january {
		count += b.Count
	}
	if len(january) != 31 || count == 0 {
		t.Errorf("January has %d days with %v points, want 31 days", len(january), count)
	}
}

// checkSameCSV checks that another process returns the same CSV.
func checkSameCSV(t *testing.T, p *process, texts map[string]string) {
	t.Helper()
	for machine, want := range texts {
		if status, got := p.get("/api/v1/machines/" + machine + "/history?format=csv"); status != http.StatusOK || got != want {
			t.Errorf("CSV of %s from the other process: status %d, %d bytes, want 200 and the same %d bytes", machine, status, len(got), len(want))
		}
	}
}

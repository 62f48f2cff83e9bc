package storetest

import (
	"context"
	"embed"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

//go:embed testdata
var testdata embed.FS

// recording describes a recorded series; times are in UTC.
type recording struct {
	file        string
	rows        int // lines of the file but the header
	points      int // after last write wins
	min, max    float64
	mean        float64
	first, last string // time
	firstValue  float64
	lastValue   float64
	days        int // days in UTC that have points; 0: not known
	someDays    []recordedDay
}

// recordedDay describes one day of a recording.
type recordedDay struct {
	day            string
	points         int64
	min, max, mean float64
}

// extract is the part of a recording that is in testdata.
var extract = recording{
	file: "nab_machine_temperature_extract.csv", rows: 601, points: 589,
	min: 72.54461682, max: 95.85817817, mean: 85.998902298506,
	first: "2014-01-06 06:05:00", firstValue: 82.47559411, last: "2014-01-08 07:05:00", lastValue: 87.02231983,
}

// nabRecordings are files of the shared data folder, described by the numbers
// in its README.
var nabRecordings = []recording{
	{
		file: "nab/machine_temperature_system_failure.csv", rows: 22695, points: 22683,
		min: 2.0847212059999998, max: 108.51054280000001, mean: 85.92215856573033,
		first: "2013-12-02 21:15:00", firstValue: 73.96732207, last: "2014-02-19 15:25:00", lastValue: 96.90386085,
		days: 80, someDays: []recordedDay{
			{"2013-12-16", 288, 2.0847212059999998, 102.9848334, 60.019513753322954},
			{"2014-02-08", 288, 25.88775208, 46.36014108, 34.49825129663196},
			{"2014-01-07", 288, 83.28404657, 95.85817817, 87.9318187573611},
		},
	},
	{
		file: "nab/ambient_temperature_system_failure.csv", rows: 7267, points: 7267,
		min: 57.45840559, max: 86.22321261, mean: 71.2424327082882,
		first: "2013-07-04 00:00:00", firstValue: 69.88083514, last: "2014-05-28 15:00:00", lastValue: 72.58408858,
	},
}

// testRecordings stores real recordings in the order of the file and requires
// identical points and the known statistics. The extract is always used, the
// shared data folder if it exists.
func testRecordings(t *testing.T, open Opener) {
	t.Run("extract", func(t *testing.T) {
		t.Parallel()
		local, err := fs.Sub(testdata, "testdata")
		if err != nil {
			t.Fatal(err)
		}
		checkRecording(t, open, local, extract)
	})
	folder, ok := SharedData()
	if !ok {
		return
	}
	shared := os.DirFS(folder)
	for _, r := range nabRecordings {
		t.Run(r.file, func(t *testing.T) {
			t.Parallel()
			checkRecording(t, open, shared, r)
		})
	}
	files, err := fs.Glob(shared, "skab/*.csv")
	if err != nil || len(files) == 0 {
		t.Fatalf("no skab/*.csv in %s: %v", folder, err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			checkRoundTrip(t, open, readCSV(t, shared, file))
		})
	}
}

// SharedData returns the folder of recordings next to the repository; ok is
// false if there is none.
func SharedData() (folder string, ok bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
	folder = filepath.Join(dir, "..", "shared", "data")
	_, err = os.Stat(filepath.Join(folder, "README.md"))
	return folder, err == nil
}

// checkRecording stores a recording and checks its statistics.
func checkRecording(t *testing.T, open Opener, files fs.FS, r recording) {
	readings := readCSV(t, files, r.file)
	if len(readings) != r.rows {
		t.Fatalf("%s has %d rows, want %d", r.file, len(readings), r.rows)
	}
	f := checkRoundTrip(t, open, readings)
	got := f.history("m")[0].Points
	if len(got) != r.points {
		t.Fatalf("%d points, want %d", len(got), r.points)
	}
	low, high, sum := math.Inf(1), math.Inf(-1), 0.0
	for _, p := range got {
		low, high, sum = min(low, p.Value), max(high, p.Value), sum+p.Value
	}
	if low != r.min || high != r.max || math.Abs(sum/float64(len(got))-r.mean) > 1e-9 {
		t.Errorf("min %v, max %v, mean %v, want %v, %v, %v", low, high, sum/float64(len(got)), r.min, r.max, r.mean)
	}
	first := factory.Point{ObservedAt: parseTime(t, r.first), Value: r.firstValue}
	last := factory.Point{ObservedAt: parseTime(t, r.last), Value: r.lastValue}
	if got[0] != first || got[len(got)-1] != last {
		t.Errorf("first %v, last %v, want %v, %v", got[0], got[len(got)-1], first, last)
	}
	f.wantLatest(reading("value", last.ObservedAt, last.Value))
	f.settle()
	days := f.buckets(factory.Interval{Calendar: factory.Day}, nil)[0].Buckets
	if r.days != 0 && len(days) != r.days {
		t.Errorf("%d days, want %d", len(days), r.days)
	}
	for _, want := range r.someDays {
		at := parseTime(t, want.day+" 00:00:00")
		i := slices.IndexFunc(days, func(b factory.Bucket) bool { return b.Start == at })
		if i < 0 {
			t.Errorf("there is no bucket of %s", want.day)
			continue
		}
		if b := days[i]; b.Count != want.points || b.Min != want.min || b.Max != want.max || math.Abs(b.Mean()-want.mean) > 1e-9 || b.End != at+86_400_000 {
			t.Errorf("%s: %d points, min %v, max %v, mean %v, want %+v", want.day, b.Count, b.Min, b.Max, b.Mean(), want)
		}
	}
	all := f.buckets(factory.Interval{Millis: factory.MaxIntervalMillis}, nil)[0].Buckets
	if b := all[0]; len(all) != 1 || b.Count != int64(r.points) || b.Min != r.min || b.Max != r.max || b.First != first || b.Last != last {
		t.Errorf("all in one bucket = %+v, want %+v", all, r)
	}
	// The figures above were added up one by one, which rounds each time; the
	// sum of a bucket is rounded once, whatever it was put together from.
	if want := exactSum(got); all[0].Sum != want {
		t.Errorf("sum of all = %v, want %v", all[0].Sum, want)
	}
}

// exactSum returns the sum of points, rounded once.
func exactSum(points []factory.Point) float64 {
	sum := new(big.Float).SetPrec(2200)
	for _, p := range points {
		sum.Add(sum, big.NewFloat(p.Value))
	}
	rounded, _ := sum.Float64()
	return rounded
}

// checkRoundTrip stores readings of machine "m" in their order, in batches. It
// requires the last reading of each time, immediately and after reopening.
func checkRoundTrip(t *testing.T, open Opener, readings []factory.Reading) *fixture {
	f := newFixture(t, open)
	model := memory.New(memory.Options{AutoRegister: true})
	for batch := range slices.Chunk(readings, 997) {
		f.append(batch...)
		if _, err := model.Append(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
	want, err := model.History(context.Background(), fullHistory("m"))
	if err != nil {
		t.Fatal(err)
	}
	f.inAllStates(Limits{AutoRegister: true}, func() {
		if got := f.history("m"); !sameSeries(got, want.Series) {
			t.Fatalf("History differs from the file")
		}
	})
	return f
}

// readCSV returns the readings of a recording. The first column is the time,
// each further column a metric.
func readCSV(t *testing.T, files fs.FS, name string) (readings []factory.Reading) {
	t.Helper()
	text, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	reader := csv.NewReader(strings.NewReader(string(text)))
	if strings.Contains(strings.SplitN(string(text), "\n", 2)[0], ";") {
		reader.Comma = ';'
	}
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, row := range rows[1:] {
		at := parseTime(t, row[0])
		for column, cell := range row[1:] {
			value, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			readings = append(readings, reading(rows[0][column+1], at, value))
		}
	}
	return readings
}

func parseTime(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.DateTime, text)
	if err != nil {
		t.Fatal(fmt.Errorf("time of a recording: %w", err))
	}
	return at.UnixMilli()
}

package replay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cli/replay"
	"smart-factory-backend/app/testkit/porttest"
)

func TestRunPostsEveryRowInOrder(t *testing.T) {
	t.Parallel()
	for name, gzip := range map[string]bool{"plain": false, "gzip": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s fakeServer
			o := fastOptions(s.start(t), writeRecording(t, "press-1.csv", hourlyRows(2_500)))
			o.Gzip, o.Key = gzip, "a-secret"
			sum := mustRun(t, o)
			if !sum.OK() || sum.Accepted != 2_500 || sum.Rows != 2_500 || sum.Requests != 3 || sum.Retries != 0 {
				t.Errorf("Run() = %+v, want 2500 points accepted in 3 requests", sum)
			}
			start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for i, got := range s.received() {
				want := point{"press-1", "value", start.Add(time.Duration(i) * time.Hour).UnixMilli(), float64(i)}
				if got != want {
					t.Fatalf("point %d = %+v, want %+v", i, got, want)
				}
			}
			if len(s.received()) != 2_500 || !s.keys["Bearer a-secret"] || len(s.keys) != 1 {
				t.Errorf("server got %d points with keys %v, want 2500 with the key", len(s.received()), s.keys)
			}
		})
	}
}

func TestRunPreservesEveryBitOfEveryColumn(t *testing.T) {
	t.Parallel()
	var s fakeServer
	text := skabHeader + "\n2020-02-08 18:34:51;74.93588199999998;-0;4.9e-324;1.7976931348623157e308;;NaN;1e21;0.1;0;0\n"
	sum := mustRun(t, fastOptions(s.start(t), writeRecording(t, "a \"b\".csv", text)))
	want := map[string]float64{
		"vibration_1_rms": 74.93588199999998, "vibration_2_rms": math.Copysign(0, -1), "current": 4.9e-324,
		"pressure": math.MaxFloat64, "voltage": 1e21, "flow_rate": 0.1,
	}
	for _, got := range s.received() {
		if math.Float64bits(got.value) != math.Float64bits(want[got.metric]) || got.machine != `a "b"` {
			t.Errorf("%+v, want %v of machine %q", got, want[got.metric], `a "b"`)
		}
	}
	if len(s.received()) != len(want) || sum.Missing != 2 || !sum.OK() {
		t.Errorf("%d points, %d missing; want %d and 2", len(s.received()), sum.Missing, len(want))
	}
}

func TestRunPreservesTheOrderWithinAMachine(t *testing.T) {
	t.Parallel()
	var s fakeServer
	first, second := writeRecording(t, "m.csv", "t,v\n1767225600000,1\n1767225600000,2\n"), writeRecording(t, "m.csv", "t,v\n1767225600000,3\n")
	o := fastOptions(s.start(t), first, writeRecording(t, "other.csv", hourlyRows(10)), second)
	o.Batch, o.Clients = 1, 8
	if sum := mustRun(t, o); !sum.OK() {
		t.Fatalf("Run() = %+v", sum)
	}
	var values []float64
	for _, got := range s.received() {
		if got.machine == "m" {
			values = append(values, got.value)
		}
	}
	if !slices.Equal(values, []float64{1, 2, 3}) {
		t.Errorf("values of one machine arrived as %v, want 1 2 3", values)
	}
}

func TestRunRetriesTransientFailures(t *testing.T) {
	t.Parallel()
	s := fakeServer{override: func(n int, _ []point) (int, map[string]string, string) {
		switch n {
		case 1:
			return 503, map[string]string{"Retry-After": "0"}, `{"title":"Service Unavailable","detail":"queue full"}`
		case 2:
			return cutResponse, nil, ""
		case 4:
			return 429, nil, ""
		case 5:
			return 500, nil, "not even JSON"
		}
		return 0, nil, ""
	}}
	o := fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(20)))
	o.Batch = 10
	sum := mustRun(t, o)
	want := map[string]int64{"503": 1, "connection": 1, "429": 1, "500": 1}
	if !sum.OK() || sum.Requests != 6 || sum.Retries != 4 || fmt.Sprint(sum.Failures) != fmt.Sprint(want) {
		t.Errorf("Run() = %+v, want 6 requests of which 4 failed once each", sum)
	}
	if got := s.received(); len(got) != 20 || got[19].value != 19 {
		t.Errorf("server took %d points, want 20 in order", len(got))
	}
}

func TestRunStopsAMachineWhoseRequestIsRefused(t *testing.T) {
	t.Parallel()
	s := fakeServer{override: func(_ int, points []point) (int, map[string]string, string) {
		if points[0].machine == "bad" && points[0].value >= 10 {
			return 403, nil, `{"title":"Forbidden","detail":"key \"x\" may not\u001b[2J write"}`
		}
		return 0, nil, ""
	}}
	o := fastOptions(s.start(t), writeRecording(t, "bad.csv", hourlyRows(30)), writeRecording(t, "good.csv", hourlyRows(30)), writeRecording(t, "bad.csv", hourlyRows(3)))
	o.Batch = 10
	sum := mustRun(t, o)
	bad, good, later := sum.Files[0], sum.Files[1], sum.Files[2]
	if bad.Complete || bad.Rows != 10 || bad.Error != `server responded 403 Forbidden: key "x" may not?[2J write` {
		t.Errorf("bad file = %+v, want 10 rows and the server's reason", bad)
	}
	if !good.Complete || good.Rows != 30 || later.Rows != 0 || !strings.Contains(later.Error, "not started") {
		t.Errorf("other machine = %+v, later file = %+v; want the one complete and the other not started", good, later)
	}
	if sum.OK() || sum.Interrupted {
		t.Errorf("OK() = %v, Interrupted = %v; want neither", sum.OK(), sum.Interrupted)
	}
}

func TestRunCountsRejectedPoints(t *testing.T) {
	t.Parallel()
	s := fakeServer{override: func(n int, points []point) (int, map[string]string, string) {
		if n == 1 {
			return 200, nil, `{"accepted":9,"rejected":1,"errors":[{"pointer":"/3/values/value","detail":"out of range"}]}`
		}
		return 400, nil, fmt.Sprintf(`{"title":"Bad Request","accepted":0,"rejected":%d,"errors":[{"pointer":"/0/ts","detail":"in the future"}]}`, len(points))
	}}
	o := fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(14)))
	o.Batch = 10
	sum := mustRun(t, o)
	want := []string{o.Files[0] + ":5: value: out of range", o.Files[0] + ":12: ts: in the future"}
	if sum.Accepted != 9 || sum.Rejected != 5 || !sum.Files[0].Complete || sum.OK() || !slices.Equal(sum.Rejections, want) {
		t.Errorf("Run() = %+v, want 9 accepted, 5 rejected, reasons %q", sum, want)
	}
}

func TestRunRejectsResponsesOfOtherServers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		header map[string]string
		body   string
		want   string
	}{
		"some web page":          {200, nil, "<html>hello", `is this a telemetry server? "<html>hello"`},
		"fewer points than sent": {200, nil, `{"accepted":3}`, "reported 3 of 5 points"},
		"a redirect":             {307, map[string]string{"Location": "https://x.example/"}, "", `redirects to "https://x.example/`},
		"nothing there":          {404, nil, "", "server responded 404 Not Found"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fakeServer{override: func(int, []point) (int, map[string]string, string) { return tt.status, tt.header, tt.body }}
			sum := mustRun(t, fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(5))))
			if sum.OK() || !strings.Contains(sum.Files[0].Error, tt.want) || sum.Requests != 1 {
				t.Errorf("Run() = %+v, want one request and an error with %q", sum.Files[0], tt.want)
			}
		})
	}
}

func TestRunSendsTheRowsBeforeABadLine(t *testing.T) {
	t.Parallel()
	var s fakeServer
	path := writeRecording(t, "m.csv", hourlyRows(7)+"2026-02-01 00:00:00,oops\n"+"2026-02-01 00:00:00,1\n")
	sum := mustRun(t, fastOptions(s.start(t), path))
	want := path + `:9: column 2 ("value"): "oops" is not a number`
	if f := sum.Files[0]; f.Rows != 7 || f.Error != want || len(s.received()) != 7 || sum.OK() {
		t.Errorf("Run() = %+v, server got %d; want 7 rows and %q", f, len(s.received()), want)
	}
}

func TestRunStopsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := fakeServer{override: func(n int, _ []point) (int, map[string]string, string) {
		if n == 3 {
			cancel()
			return cutResponse, nil, ""
		}
		return 0, nil, ""
	}}
	o := fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(100)), writeRecording(t, "n.csv", hourlyRows(100)))
	o.Batch, o.Clients = 10, 1
	sum := mustRunContext(ctx, t, o)
	if f := sum.Files[0]; !sum.Interrupted || sum.OK() || f.Rows != 20 || f.Error != "" || f.Complete {
		t.Errorf("Run() = %+v, %+v; want interrupted after 20 rows", sum, f)
	}
	var text strings.Builder
	if err := sum.WriteText(&text, ""); err != nil || !strings.Contains(text.String(), "--skip-rows 20 "+o.Files[0]) {
		t.Errorf("WriteText() = %q, %v; want how to resume", text.String(), err)
	}
}

func TestRunGivesUpOnAnUnreachableServer(t *testing.T) {
	t.Parallel()
	o := fastOptions(fmt.Sprint("http://127.0.0.1:", porttest.ForTest(t)), writeRecording(t, "m.csv", hourlyRows(1)), writeRecording(t, "n.csv", hourlyRows(1)))
	o.RetryFor, o.Clients = 0, 1
	sum := mustRun(t, o)
	for _, f := range sum.Files {
		if f.Rows != 0 || !strings.Contains(f.Error, "gave up on the server at "+o.URL+" after 1 attempts") || !strings.Contains(f.Error, "refused") {
			t.Errorf("file = %+v, want an error for a refused connection", f)
		}
	}
	if sum.Requests != 1 || sum.Interrupted || sum.OK() {
		t.Errorf("Run() = %+v, want one attempt in all", sum)
	}
}

func TestRunReportsInvalidOptionsBeforeSending(t *testing.T) {
	t.Parallel()
	good, bad := writeRecording(t, "m.csv", hourlyRows(3)), writeRecording(t, "bad.csv", "hello\n")
	tests := map[string]struct {
		change func(*replay.Options)
		want   []string
	}{
		"no file":                    {func(o *replay.Options) { o.Files = nil }, []string{"no recording is named"}},
		"every bad file is reported": {func(o *replay.Options) { o.Files = []string{good, "gone.csv", bad} }, []string{"gone.csv: no such file", "bad.csv:1: only one column"}},
		"a directory":                {func(o *replay.Options) { o.Files = []string{t.TempDir()} }, []string{"is not a regular file"}},
		"a file twice":               {func(o *replay.Options) { o.Files = []string{good, good} }, []string{"is given twice"}},
		"a machine's name":           {func(o *replay.Options) { o.Machine = strings.Repeat("m", 129) }, []string{"machine name has 129 bytes"}},
		"several options":            {func(o *replay.Options) { o.Batch, o.Clients, o.Speed = 0, -1, math.NaN() }, []string{"batch 0", "clients -1", "speed NaN"}},
		"a URL":                      {func(o *replay.Options) { o.URL = "ftp://x" }, []string{`url "ftp://x"`}},
		"skip and many files":        {func(o *replay.Options) { o.SkipRows, o.Files = 1, []string{good, bad} }, []string{"in a single file only"}},
		"skip and state":             {func(o *replay.Options) { o.SkipRows, o.State = 1, "s" }, []string{"use one or the other"}},
		"skip and shift":             {func(o *replay.Options) { o.SkipRows, o.ShiftToNow = 1, true }, []string{"a different amount"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s fakeServer
			o := fastOptions("http://example.invalid", good)
			o.Transport = &s
			tt.change(&o)
			_, err := replay.Run(t.Context(), o)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Run() = %v, want %q in it", err, want)
				}
			}
			if s.requestCount() != 0 {
				t.Errorf("%d requests were sent, want none", s.requestCount())
			}
		})
	}
}

func TestSummaryEncodesAsJSON(t *testing.T) {
	t.Parallel()
	var s fakeServer
	sum := mustRun(t, fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(5))))
	raw, err := json.Marshal(sum)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"sent":5`, `"accepted":5`, `"rejected":0`, `"complete":true`, `"p99":`, `"failures":{}`, `"rejections":[]`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("Summary as JSON = %s, want %s in it", raw, want)
		}
	}
	if l := sum.Latency; l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.Max {
		t.Errorf("Latency = %+v, want ascending times", l)
	}
}

// TestRunPostsAPublishedRecording replays a recording that some checkouts have
// beside the repository, otherwise a generated one with the same property: its
// clock runs backwards once and repeats timestamps with other values.
func TestRunPostsAPublishedRecording(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "..", "shared", "data", "nab", "machine_temperature_system_failure.csv")
	sent, distinct := 22_695, 22_683
	if _, err := os.Stat(path); err != nil {
		repeated := strings.SplitAfter(hourlyRows(10), "\n")
		path = writeRecording(t, "generated.csv", hourlyRows(10)+strings.Join(repeated[4:8], ""))
		sent, distinct = 14, 10
	}
	var s fakeServer
	sum := mustRun(t, fastOptions(s.start(t), path))
	kept := make(map[int64]float64)
	for _, got := range s.received() {
		kept[got.ts] = got.value
	}
	if sum.Sent != int64(sent) || len(kept) != distinct || !sum.OK() {
		t.Errorf("sent %d, %d distinct times; want %d and %d", sum.Sent, len(kept), sent, distinct)
	}
}

func TestRunNamesTheVariableOfTheKeyThatIsMissing(t *testing.T) {
	t.Parallel()
	s := fakeServer{override: func(int, []point) (int, map[string]string, string) { return 401, nil, "" }}
	sum := mustRun(t, fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(1))))
	if got := sum.Files[0].Error; !strings.Contains(got, "401 Unauthorized") || !strings.Contains(got, "set API_KEY") {
		t.Errorf("error = %q, want the status and API_KEY", got)
	}
}

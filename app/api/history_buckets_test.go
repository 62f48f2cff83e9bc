package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
)

// putMetric registers a metric of machine m.
func putMetric(t *testing.T, p *testServer, metric, unit string, kind factory.MetricKind) {
	t.Helper()
	if _, _, err := p.store.PutMachine(t.Context(), factory.Machine{ID: "m"}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.store.PutMetric(t.Context(), factory.Metric{Machine: "m", Name: metric, Unit: unit, Kind: kind}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
}

func parseMilli(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func TestHistoryBuckets(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	putMetric(t, p, "parts", "1", factory.Counter)
	putMetric(t, p, "t", "Cel", factory.Gauge)
	begin := parseMilli(t, "2026-03-01T00:00:00Z")
	for i, v := range []float64{100, 103, 1, 5} { // a reset after the second
		appendReadings(t, p, factory.Reading{Machine: "m", Metric: "parts", ObservedAt: begin + int64(i)*600_000, Value: v})
	}
	for i, v := range []float64{20.5, 21.5, 19.5, 18.5} {
		appendReadings(t, p, factory.Reading{Machine: "m", Metric: "t", ObservedAt: begin + int64(i)*600_000, Value: v})
	}
	appendReadings(t, p, factory.Reading{Machine: "m", Metric: "t", ObservedAt: begin + 3*3600_000, Value: math.MaxFloat64},
		factory.Reading{Machine: "m", Metric: "t", ObservedAt: begin + 3*3600_000 + 1, Value: math.MaxFloat64})
	const t0, t1, t3 = "1772323200000", "1772324400000", "1772334000000"
	tests := map[string]struct{ query, accept, want string }{
		"default aggregates":                      {"?interval=20m&metric=t&to=2026-03-01T01:00", "", `{"machine":"m","series":[{"metric":"t","unit":"Cel","points":[[` + t0 + `,{"min":20.5,"max":21.5,"avg":21,"count":2,"sum":42}],[` + t1 + `,{"min":18.5,"max":19.5,"avg":19,"count":2,"sum":38}]]}],"next_cursor":null}`},
		"requested order":                         {"?interval=PT20M&metric=t&agg=last,first&to=2026-03-01T01:00", "", `{"machine":"m","series":[{"metric":"t","unit":"Cel","points":[[` + t0 + `,{"last":21.5,"first":20.5}],[` + t1 + `,{"last":18.5,"first":19.5}]]}],"next_cursor":null}`},
		"a counter's increase survives its reset": {"?interval=1h&metric=parts&agg=increase,count", "", `{"machine":"m","series":[{"metric":"parts","unit":"1","points":[[` + t0 + `,{"increase":8,"count":4}]]}],"next_cursor":null}`},
		"a gauge has no increase":                 {"?interval=1h&metric=t&agg=increase&to=2026-03-01T01:00", "", `{"machine":"m","series":[{"metric":"t","unit":"Cel","points":[[` + t0 + `,{"increase":null}]]}],"next_cursor":null}`},
		"a sum beyond a double is null":           {"?interval=1h&metric=t&agg=sum,max&from=2026-03-01T02:00", "", `{"machine":"m","series":[{"metric":"t","unit":"Cel","points":[[` + t3 + `,{"sum":null,"max":` + fmt.Sprint(math.MaxFloat64) + `}]]}],"next_cursor":null}`},
		"no buckets for gaps, several metrics":    {"?interval=1h&agg=count", "", `{"machine":"m","series":[{"metric":"parts","unit":"1","points":[[` + t0 + `,{"count":4}]]},{"metric":"t","unit":"Cel","points":[[` + t0 + `,{"count":4}],[` + t3 + `,{"count":2}]]}],"next_cursor":null}`},
		"repeated parameter metric":               {"?interval=1h&agg=count&metric=t&metric=parts&metric=t&to=2026-03-01T01:00", "", `{"machine":"m","series":[{"metric":"parts","unit":"1","points":[[` + t0 + `,{"count":4}]]},{"metric":"t","unit":"Cel","points":[[` + t0 + `,{"count":4}]]}],"next_cursor":null}`},
		"CSV has a column for each":               {"?interval=20m&agg=min,max,increase&format=csv&to=2026-03-01T01:00", "", "ts,machine,metric,min,max,increase\r\n" + t0 + ",m,parts,100,103,3\r\n" + t1 + ",m,parts,1,5,5\r\n" + t0 + ",m,t,20.5,21.5,\r\n" + t1 + ",m,t,18.5,19.5,\r\n"},
		"NDJSON":                                  {"?interval=1h&agg=min,increase&metric=t&time_format=iso&to=2026-03-01T01:00", "application/x-ndjson", `{"ts":"2026-03-01T00:00:00.000Z","machine":"m","metric":"t","min":18.5,"increase":null}` + "\n"},
		"CSV in a zone":                           {"?interval=1h&agg=min&metric=parts&time_format=iso&tz=Asia/Kolkata", "text/csv", "ts,machine,metric,min\r\n2026-03-01T05:00:00.000+05:30,m,parts,1\r\n2026-03-01T06:00:00.000+05:30,m,parts,5\r\n"},
		"an hour without tz is in UTC":            {"?interval=1h&agg=first&metric=t&from=2026-03-01T00:20&to=2026-03-01T00:40", "", `{"machine":"m","series":[{"metric":"t","unit":"Cel","points":[[` + t0 + `,{"first":19.5}]]}],"next_cursor":null}`},
		"from without a zone is in tz":            {"?interval=1h&agg=count&metric=t&tz=Europe/Berlin&from=2026-03-01T01:10&to=2026-03-01T01:30", "", `{"machine":"m","series":[{"metric":"t","unit":"Cel","points":[[` + t0 + `,{"count":2}]]}],"next_cursor":null}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			headers := []string{"X-A: b"}
			if tt.accept != "" {
				headers = append(headers, "Accept: "+tt.accept)
			}
			if a := p.get(t, "/api/v1/machines/m/history"+tt.query, headers...); a.status != 200 || a.body != tt.want {
				t.Errorf("GET %s = %d\n%s, want\n%s", tt.query, a.status, a.body, tt.want)
			}
		})
	}
}

// The days on which daylight saving begins and ends have 23 and 25 hours.
func TestBucketsAcrossDaylightSaving(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	fillHours := func(from string, hours int) {
		for i := range hours {
			appendReadings(t, p, factory.Reading{Machine: "m", Metric: "x", ObservedAt: parseMilli(t, from) + int64(i)*3600_000, Value: 1})
		}
	}
	fillHours("2026-03-28T00:00:00+01:00", 71) // 28, 29 with 23 hours, 30 March
	fillHours("2026-10-24T00:00:00+02:00", 73) // 24, 25 with 25 hours, 26 October
	for query, want := range map[string]string{
		"?interval=1d&agg=count&format=csv&time_format=iso&tz=Europe/Berlin": "2026-03-28T00:00:00.000+01:00,m,x,24\r\n2026-03-29T00:00:00.000+01:00,m,x,23\r\n2026-03-30T00:00:00.000+02:00,m,x,24\r\n" +
			"2026-10-24T00:00:00.000+02:00,m,x,24\r\n2026-10-25T00:00:00.000+02:00,m,x,25\r\n2026-10-26T00:00:00.000+01:00,m,x,24\r\n",
		"?interval=P1W&agg=sum&format=csv&time_format=iso&tz=Europe/Berlin&to=2026-04-01":                                           "2026-03-23T00:00:00.000+01:00,m,x,47\r\n2026-03-30T00:00:00.000+02:00,m,x,24\r\n",
		"?interval=1mo&agg=count&format=csv&time_format=iso&tz=Europe/Berlin":                                                       "2026-03-01T00:00:00.000+01:00,m,x,71\r\n2026-10-01T00:00:00.000+02:00,m,x,73\r\n",
		"?interval=P1M&agg=count&format=csv&time_format=iso&tz=Europe/Berlin&from=2026-10-25&to=2026-10-26":                         "2026-10-01T00:00:00.000+02:00,m,x,25\r\n",
		"?interval=PT1H&agg=count&format=csv&time_format=iso&tz=Europe/Berlin&from=2026-10-25T02:00:00%2B01:00&to=2026-10-25T03:00": "2026-10-25T02:00:00.000+01:00,m,x,1\r\n",
		"?interval=hour&agg=count&format=csv&time_format=iso&tz=Europe/Berlin&from=2026-10-25T02:00&to=2026-10-25T03:00":            "2026-10-25T02:00:00.000+02:00,m,x,1\r\n2026-10-25T02:00:00.000+01:00,m,x,1\r\n",
	} {
		a := p.get(t, "/api/v1/machines/m/history"+query)
		if _, rows, _ := strings.Cut(a.body, "\r\n"); a.status != 200 || rows != want {
			t.Errorf("GET %s = %d\n%s, want\n%s", query, a.status, rows, want)
		}
	}
}

func TestBucketPagination(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for i := range int64(25) {
		appendReadings(t, p, factory.Reading{Machine: "m", Metric: fmt.Sprint("x", i%2), ObservedAt: 1_700_000_000_000 + i*60_000, Value: float64(i)})
	}
	rows, pages, cursor := 0, 0, ""
	for {
		a := p.get(t, "/api/v1/machines/m/history?interval=1m&agg=count&limit=4"+cursor)
		var page struct {
			Series []struct{ Points [][]any }
			Next   *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		for _, s := range page.Series {
			rows += len(s.Points)
		}
		if pages++; page.Next == nil || pages > 25 {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
	if rows != 25 || pages != 7 {
		t.Errorf("%d buckets on %d pages, want 25 on 7", rows, pages)
	}
}

func TestHistoryDownsampled(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	readings := []factory.Reading{}
	for i := range int64(1000) {
		value := 0.0
		if i == 500 {
			value = 100
		}
		readings = append(readings, factory.Reading{Machine: "m", Metric: "x", ObservedAt: 1_700_000_000_000 + i, Value: value})
	}
	appendReadings(t, p, readings...)
	a := p.get(t, "/api/v1/machines/m/history?points=10")
	var page struct {
		Series []struct{ Points [][2]float64 }
		Next   *string `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != 200 || len(page.Series) != 1 || page.Next != nil {
		t.Fatalf("GET = %d %s (%v)", a.status, a.body, err)
	}
	points := page.Series[0].Points
	if len(points) != 10 || points[0][0] != 1_700_000_000_000 || points[9][0] != 1_700_000_000_999 || !strings.Contains(a.body, "[1700000000500,100]") {
		t.Errorf("points = %v, want 10 with both ends and the peak", points)
	}
	if a := p.get(t, "/api/v1/machines/m/history?points=2&format=csv"); a.body != "ts,machine,metric,value\r\n1700000000000,m,x,0\r\n1700000000999,m,x,0\r\n" {
		t.Errorf("CSV = %s", a.body)
	}
	if a := p.get(t, "/api/v1/machines/m/history?points=50000"); a.status != 200 {
		t.Errorf("as many points as there may be = %d", a.status)
	}
}

// The NDJSON export of a machine can be posted to another server unchanged.
func TestNDJSONExportCanBeImported(t *testing.T) {
	t.Parallel()
	from, to := startServer(t, nil), startServer(t, nil)
	machine := `press "4"/ü`
	for i := range int64(3000) {
		appendReadings(t, from, factory.Reading{Machine: machine, Metric: fmt.Sprintf("a,%d", i%3), ObservedAt: 1_700_000_000_000 + i, Value: float64(i) / 3})
	}
	path := "/api/v1/machines/" + url.PathEscape(machine) + "/history"
	for _, times := range []string{"ms", "iso"} {
		export := from.get(t, path+"?time_format="+times, "Accept: application/x-ndjson")
		if export.status != 200 || export.header["Content-Type"] != "application/x-ndjson" || strings.Count(export.body, "\n") != 3000 {
			t.Fatalf("export = %d %s, %d lines", export.status, export.header["Content-Type"], strings.Count(export.body, "\n"))
		}
		if a := to.post(t, export.body, "Content-Type: application/x-ndjson"); a.status != 200 || !strings.HasPrefix(a.body, `{"accepted":3000,`) {
			t.Fatalf("import = %.200s", a.body)
		}
		if a, b := from.get(t, path), to.get(t, path); a.body != b.body {
			t.Errorf("history there is not that from here")
		}
	}
}

// largeStore has a history of many pages.
type largeStore struct {
	factory.Store
	pages int
	held  func()
}

func (s largeStore) History(_ context.Context, q factory.HistoryQuery) (factory.HistoryPage, error) {
	page := 0
	if q.Cursor != "" {
		_, _ = fmt.Sscan(q.Cursor, &page)
	}
	points := make([]factory.Point, q.Limit)
	for i := range points {
		points[i] = factory.Point{ObservedAt: 1_700_000_000_000 + int64(page*q.Limit+i), Value: float64(i)}
	}
	out := factory.HistoryPage{Series: []factory.Series{{Metric: "x", Points: points}}}
	if page++; page < s.pages {
		out.NextCursor = fmt.Sprint(page)
	}
	s.held()
	return out, nil
}

func TestStreamReadsOnePageAtATime(t *testing.T) {
	t.Parallel()
	calls := 0
	p := startServer(t, func(o *api.Options, p *testServer) {
		o.Store = largeStore{p.store, 30, func() { calls++ }}
	})
	a := p.get(t, "/api/v1/machines/m/history", "Accept: text/csv")
	if n := strings.Count(a.body, "\r\n"); a.status != 200 || n != 150_001 || calls != 30 {
		t.Errorf("CSV = %d with %d lines from %d pages, want 150001 from 30", a.status, n, calls)
	}
}

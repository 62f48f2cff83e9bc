package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
)

func appendReadings(t *testing.T, p *testServer, readings ...factory.Reading) {
	t.Helper()
	if _, err := p.store.Append(t.Context(), readings); err != nil {
		t.Fatal(err)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	appendReadings(t, p,
		factory.Reading{Machine: "a/b ü", Metric: "x", ObservedAt: 1_700_000_000_000, Value: 0.1},
		factory.Reading{Machine: "a/b ü", Metric: "x", ObservedAt: 1_700_000_001_000, Value: math.Copysign(0, -1)},
		factory.Reading{Machine: "a/b ü", Metric: `y,"z"`, ObservedAt: 1_700_000_002_000, Value: 1e300},
	)
	path := "/api/v1/machines/" + url.PathEscape("a/b ü") + "/history"
	tests := map[string]struct{ query, want string }{
		"everything":                     {"", `{"machine":"a/b ü","series":[{"metric":"x","unit":"","points":[[1700000000000,0.1],[1700000001000,-0]]},{"metric":"y,\"z\"","unit":"","points":[[1700000002000,1e+300]]}],"next_cursor":null}`},
		"from is inclusive":              {"?from=1700000001000&metric=x", `{"machine":"a/b ü","series":[{"metric":"x","unit":"","points":[[1700000001000,-0]]}],"next_cursor":null}`},
		"to is exclusive":                {"?to=2023-11-14T22:13:21Z", `{"machine":"a/b ü","series":[{"metric":"x","unit":"","points":[[1700000000000,0.1]]}],"next_cursor":null}`},
		"CSV":                            {"?format=csv", "ts,machine,metric,value\r\n1700000000000,a/b ü,x,0.1\r\n1700000001000,a/b ü,x,-0\r\n1700000002000,a/b ü,\"y,\"\"z\"\"\",1e+300\r\n"},
		"CSV for a spreadsheet":          {"?format=csv&decimal=comma&to=1700000001000&metric=x", "ts;machine;metric;value\r\n1700000000000;a/b ü;x;0,1\r\n"},
		"CSV with tabs":                  {"?format=csv&sep=tab&to=1700000001000&metric=x", "ts\tmachine\tmetric\tvalue\r\n1700000000000\ta/b ü\tx\t0.1\r\n"},
		"buckets in CSV with semicolons": {"?format=csv&sep=semicolon&decimal=comma&to=1700000001000&metric=x&interval=1s&agg=min,count", "ts;machine;metric;min;count\r\n1700000000000;a/b ü;x;0,1;1\r\n"},
		"CSV with ISO times":             {"?format=csv&time_format=iso&metric=x&to=1700000001000", "ts,machine,metric,value\r\n2023-11-14T22:13:20.000Z,a/b ü,x,0.1\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a := p.get(t, path+tt.query); a.status != 200 || a.body != tt.want {
				t.Errorf("GET %s = %d %s, want %s", tt.query, a.status, a.body, tt.want)
			}
		})
	}
	if a := p.get(t, path, "Accept: text/csv"); !strings.HasPrefix(a.header["Content-Type"], "text/csv") {
		t.Errorf("Accept: text/csv gives %q", a.header["Content-Type"])
	}
}

func TestHistoryPagination(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for i := range int64(25) {
		appendReadings(t, p, factory.Reading{Machine: "m", Metric: fmt.Sprint("x", i%2), ObservedAt: 1_700_000_000_000 + i, Value: float64(i)})
	}
	seen, pages, cursor := map[string]bool{}, 0, ""
	for {
		a := p.get(t, "/api/v1/machines/m/history?limit=4"+cursor)
		var page struct {
			Series []struct {
				Metric string
				Points [][2]float64
			}
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			t.Fatalf("page %d: %v in %s", pages, err, a.body)
		}
		for _, s := range page.Series {
			for _, point := range s.Points {
				key := s.Metric + "@" + strconv.FormatFloat(point[0], 'f', 0, 64)
				if seen[key] {
					t.Errorf("%s came twice", key)
				}
				seen[key] = true
			}
		}
		if pages++; page.Next == nil || pages > 25 {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
	if len(seen) != 25 || pages != 7 {
		t.Errorf("%d points on %d pages, want 25 on 7", len(seen), pages)
	}
}

func TestInvalidQueriesAreRejected(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	appendReadings(t, p, factory.Reading{Machine: "m", Metric: "x", ObservedAt: 1_700_000_000_000, Value: 1})
	for query, want := range map[string]string{
		"/api/v1/machines/m/history?sep=tab":                            `requires the format csv`,
		"/api/v1/machines/m/history?format=csv&decimal=comma&sep=comma": `comma cannot be combined with decimal=comma`,
		"/api/v1/machines/m/history?format=csv&sep=;":                   `is not one of comma, semicolon, tab`,
		"/api/v1/machines/m/history?from=1700000000":                    `1700000000 looks like seconds; times are Unix milliseconds, so append 000`,
		"/api/v1/machines/m/history?form=csv":                           `"form": is unknown; the parameters are`,
		"/api/v1/machines/m/history?limit=50001":                        `"50001" is not an integer from 1 to 50000`,
		"/api/v1/machines/m/history?limit=0":                            `is not an integer from 1`,
		"/api/v1/machines/m/history?from=yesterday":                     `"yesterday" is neither`,
		"/api/v1/machines/m/history?from=2&to=1":                        `"from": is after to`,
		"/api/v1/machines/m/history?from=1&from=2":                      `"from": appears more than once`,
		"/api/v1/machines/m/history?format=xml":                         `"xml" is not one of json, csv, ndjson`,
		"/api/v1/machines/m/history?cursor=!":                           `cursor`,
		"/api/v1/machines/m/history?time_format=iso":                    `requires the format csv or ndjson`,
		"/api/v1/machines/m/history?format=csv&limit=3":                 `cannot be combined with the formats csv`,
		"/api/v1/machines/m/history?format=ndjson&cursor=3":             `cannot be combined with the formats csv and ndjson`,
		"/api/v1/machines/m/history?interval=1y":                        `1y is not a duration such as`,
		"/api/v1/machines/m/history?interval=0s":                        `0s is not a duration`,
		"/api/v1/machines/m/history?interval=-1h":                       `-1h is not a duration`,
		"/api/v1/machines/m/history?interval=PT":                        `PT is not a duration`,
		"/api/v1/machines/m/history?interval=P2D":                       `P2D is not a duration`,
		"/api/v1/machines/m/history?interval=PT-5M":                     `PT-5M is not a duration`,
		"/api/v1/machines/m/history?interval=2540400h":                  `2540400h is not a duration`,
		"/api/v1/machines/m/history?interval=1h&agg=mean":               `mean is not one of min, max`,
		"/api/v1/machines/m/history?interval=1h&agg=min,min":            `min appears more than once`,
		"/api/v1/machines/m/history?interval=1h&agg=min,":               ` is not one of min`,
		"/api/v1/machines/m/history?agg=min":                            `requires interval`,
		"/api/v1/machines/m/history?tz=Europe/Nowhere":                  `Europe/Nowhere is not the name of a time zone`,
		"/api/v1/machines/m/history?tz=Local":                           `Local is not the name`,
		"/api/v1/machines/m/history?tz=Europe//Berlin":                  `is not the name`,
		"/api/v1/machines/m/history?tz=../../etc/passwd":                `is not the name`,
		"/api/v1/machines/m/history?points=1":                           `"1" is not an integer from 2 to 50000`,
		"/api/v1/machines/m/history?points=9&interval=1h":               `cannot be combined with interval`,
		"/api/v1/machines/m/history?points=9&limit=3":                   `cannot be combined with points`,
		"/api/v1/machines/m/history?points=30000&metric=a,b":            `times the number of metrics is more than 50000`,
		"/api/v1/latest?metric=a&metric=b":                              `appears more than once`,
		"/api/v1/machines/%ff%zz/history":                               `invalid percent-encoding`,
		"/api/v1/latest?limit=1001":                                     `from 1 to 1000`,
		"/api/v1/latest?" + strings.Repeat("x", 1000) + "=1":            `…": is unknown`,
	} {
		if a := p.get(t, query); a.status != 400 || !strings.Contains(a.problem(t).Detail, want) {
			t.Errorf("GET %.60s = %d %s, want 400 with %s", query, a.status, a.body, want)
		}
	}
	if a := p.get(t, "/api/v1/machines/unknown/history"); a.status != 404 {
		t.Errorf("history of an unknown machine = %+v, want 404", a)
	}
}

// failingHistory fails in the middle of a stream.
type failingHistory struct {
	factory.Store
	pages int
}

func (s *failingHistory) History(ctx context.Context, q factory.HistoryQuery) (factory.HistoryPage, error) {
	if s.pages--; s.pages < 0 {
		return factory.HistoryPage{}, factory.ErrUnavailable
	}
	page, err := s.Store.History(ctx, q)
	page.NextCursor = "more"
	return page, err
}

func TestCSVConnectionIsCutWhenStoreFails(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, p *testServer) { o.Store = &failingHistory{Store: p.store, pages: 1} })
	appendReadings(t, p, factory.Reading{Machine: "m", Metric: "x", ObservedAt: 1_700_000_000_000, Value: 1})
	got := p.sendRaw(t, "GET /api/v1/machines/m/history?format=csv HTTP/1.1\r\nHost: x\r\n\r\n")
	if strings.HasSuffix(got, "0\r\n\r\n") || strings.Contains(got, "Content-Length") {
		t.Errorf("response = %q, want a chunked body without its end", got)
	}
}

// A large response is read from the store in parts, which nobody can see. A client
// of HTTP/1.0 gets it in one piece.
func TestHistoryObjectIsTheSameInParts(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	const begin = 1_700_000_000_000
	readings := make([]factory.Reading, 0, 21_001)
	for metric, n := range map[string]int{"a": 12_000, "b": 1, "c": 9_000} {
		for i := range n {
			readings = append(readings, factory.Reading{Machine: "m", Metric: metric, ObservedAt: begin + int64(i)*1000, Value: float64(i)})
		}
	}
	appendReadings(t, p, readings...)
	for _, query := range []string{
		"", "?limit=4999", "?limit=5000", "?limit=5001", "?limit=10000", "?limit=12000", "?limit=12001", "?limit=21001", "?metric=c,b",
		"?interval=1s", "?interval=1s&limit=12002&agg=first,last", "?interval=3s&tz=Europe/Berlin", "?points=6000", "?points=2",
	} {
		path := "/api/v1/machines/m/history" + query
		a := p.get(t, path)
		_, whole, _ := strings.Cut(p.sendRaw(t, "GET "+path+" HTTP/1.0\r\n\r\n"), "\r\n\r\n")
		if a.status != 200 || a.body != whole || !json.Valid([]byte(whole)) || !strings.HasPrefix(a.header["Content-Type"], "application/json") {
			t.Errorf("GET %s = %d, %s with %d bytes, want the %d bytes that HTTP/1.0 gets: %.200q", path, a.status, a.header["Content-Type"], len(a.body), len(whole), whole)
		}
	}
	next := struct {
		Series []struct{ Points [][2]float64 }
		Next   string `json:"next_cursor"`
	}{}
	if err := json.Unmarshal([]byte(p.get(t, "/api/v1/machines/m/history?limit=11000").body), &next); err != nil || next.Next == "" || len(next.Series) != 1 || len(next.Series[0].Points) != 11_000 {
		t.Fatalf("%v, %d series, cursor %q, want 11 000 points and a cursor", err, len(next.Series), next.Next)
	}
	if a := p.get(t, "/api/v1/machines/m/history?limit=1&cursor="+url.QueryEscape(next.Next)); !strings.Contains(a.body, `[[1700011000000,11000]]`) {
		t.Errorf("after the first 11 000 points: %s, want the next one", a.body)
	}
}

func TestHistoryObjectIsCutWhenStoreFails(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, p *testServer) { o.Store = &failingHistory{Store: p.store, pages: 1} })
	readings := make([]factory.Reading, 6000)
	for i := range readings {
		readings[i] = factory.Reading{Machine: "m", Metric: "x", ObservedAt: 1_700_000_000_000 + int64(i), Value: 1}
	}
	appendReadings(t, p, readings...)
	if got := p.sendRaw(t, "GET /api/v1/machines/m/history HTTP/1.1\r\nHost: x\r\n\r\n"); strings.HasSuffix(got, "0\r\n\r\n") || strings.Contains(got, "next_cursor") {
		t.Errorf("response ends with %q, want a chunked body without its end", got[max(0, len(got)-100):])
	}
}

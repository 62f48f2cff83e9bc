package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

type timelinePage struct {
	Machine  string
	From, To int64
	Segments []struct {
		From, To              int64
		State, Reason, Source string
	}
	Counts []struct {
		TS                  int64
		Good, Scrap, Rework float64
		Product             string
	}
	Products []struct {
		From, To int64
		Product  string
	}
	Notes []struct {
		TS       int64
		Text, By string
	}
	NextCursor *string `json:"next_cursor"`
}

func (p *testServer) timeline(t testing.TB, query string) timelinePage {
	t.Helper()
	a := p.get(t, "/api/v1/machines/m/timeline"+query)
	var page timelinePage
	if err := json.Unmarshal([]byte(a.body), &page); a.status != 200 || err != nil {
		t.Fatalf("GET …/timeline%s = %d %s (%v)", query, a.status, a.body, err)
	}
	return page
}

func (page timelinePage) String() string {
	var texts []string
	for _, s := range page.Segments {
		texts = append(texts, strings.TrimSpace(fmt.Sprintf("%d-%d %s %s %s", s.From%1_000_000, s.To%1_000_000, s.State, s.Source, s.Reason)))
	}
	for _, c := range page.Counts {
		texts = append(texts, fmt.Sprintf("%d: %v+%v+%v of %s", c.TS%1_000_000, c.Good, c.Scrap, c.Rework, c.Product))
	}
	for _, n := range page.Notes {
		texts = append(texts, fmt.Sprintf("%d: %s", n.TS%1_000_000, n.Text))
	}
	return strings.Join(texts, ", ")
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	if a := p.postEvents(t, `[{"ts":1700000030000,"kind":"state","state":"fault"},{"ts":1700000010000,"kind":"state","state":"running"},
		{"ts":1700000060000,"kind":"state","state":"running"},{"ts":1700000020000,"kind":"count","good":5,"scrap":1},{"ts":1700000015000,"kind":"product","product":"cap"},
		{"ts":1700000090000,"kind":"reason","from":1700000040000,"to":1700000050000,"reason":"jam"},{"ts":1700000055000,"kind":"note","text":"cleared"}]`); a.status != 200 {
		t.Fatal(a.body)
	}
	want := "20000-30000 running event, 30000-40000 fault event, 40000-50000 fault event jam, 50000-60000 fault event, 60000-70000 running event, 20000: 5+1+0 of cap, 55000: cleared"
	for _, query := range []string{
		"?from=1700000020000&to=1700000070000", "?from=2023-11-14T23:13:40&to=2023-11-14T22:14:30Z&tz=Europe/Berlin",
	} {
		page := p.timeline(t, query)
		if page.String() != want || page.From != 1700000020000 || page.To != 1700000070000 || page.Machine != "m" || page.NextCursor != nil || len(page.Products) != 1 {
			t.Errorf("timeline%s = %+v\n%s, want\n%s", query, page, page, want)
		}
	}
	var all timelinePage
	query := "?from=1700000000000&to=1700000070000&limit=2"
	for cursor := ""; ; {
		page := p.timeline(t, query+cursor)
		if len(page.Segments) > 2 {
			t.Errorf("%d segments on a page of 2", len(page.Segments))
		}
		all.Segments, all.Counts, all.Notes = append(all.Segments, page.Segments...), append(all.Counts, page.Counts...), append(all.Notes, page.Notes...)
		if page.NextCursor == nil {
			break
		}
		cursor = "&cursor=" + *page.NextCursor
	}
	if whole := p.timeline(t, "?from=1700000000000&to=1700000070000"); all.String() != whole.String() || len(whole.Segments) != 5 {
		t.Errorf("pages = %s\nwhole = %s", all, whole)
	}
	if long := p.timeline(t, "?from=1500000000000&to=9999999999999"); len(long.Segments) != 5 || long.NextCursor != nil {
		t.Errorf("a long range = %s, want all on one page", long)
	}
	for query, name := range map[string]string{
		"?from=x": "from", "?from=5&to=1": "from", "?from=1700000000": "from", "?tz=Mars": "tz", "?at=noon": "at", "?at=1700000000000&from=1": "from", "?limit=0": "limit", "?cursor=x": "cursor", "?x=1": "x",
	} {
		if a := p.get(t, "/api/v1/machines/m/timeline"+query); a.status != 400 || a.problem(t).Errors[0].Pointer != name {
			t.Errorf("%s = %d %s, want 400 for %s", query, a.status, a.body, name)
		}
	}
	if a := p.get(t, "/api/v1/machines/nobody/timeline"); a.status != 404 {
		t.Errorf("an unknown machine = %d %s", a.status, a.body)
	}
}

func TestTimelineOfOneMoment(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	if a := p.postEvents(t, `[{"ts":1700000010000,"kind":"product","product":"cap"},{"ts":1700000020000,"kind":"state","state":"fault","reason":"jam"}]`); a.status != 200 {
		t.Fatal(a.body)
	}
	for at, want := range map[string]string{
		"1700000000000":        `{"machine":"m","at":1700000000000,"state":null,"reason":"","source":"","product":""}`,
		"1700000010000":        `{"machine":"m","at":1700000010000,"state":"offline","reason":"","source":"silence","product":"cap"}`,
		"2023-11-14T22:13:40Z": `{"machine":"m","at":1700000020000,"state":"fault","reason":"jam","source":"event","product":"cap"}`,
		"4000000000000":        `{"machine":"m","at":4000000000000,"state":null,"reason":"","source":"","product":""}`,
	} {
		if a := p.get(t, "/api/v1/machines/m/timeline?at="+at); a.status != 200 || a.body != want {
			t.Errorf("at %s = %d %s, want %s", at, a.status, a.body, want)
		}
	}
}

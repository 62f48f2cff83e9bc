package api_test

import (
	"fmt"
	"testing"
)

func TestShiftInstances(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	p.putIn(t, "shifts", "night", `{"scope":{"line":"l"},"tz":"Europe/Berlin","days":["sat","sun"],"start":"22:00","end":"06:00","breaks":[{"start":"02:15","end":"02:45"}]}`).expect(t, "PUT", 201, "")
	p.putIn(t, "shifts", "early", `{"scope":{"line":"l"},"tz":"Europe/Berlin","days":["sun","mon"],"start":"06:00","end":"14:00"}`).expect(t, "PUT", 201, "")
	p.putIn(t, "shifts", "other", `{"scope":{"line":"k"},"tz":"Europe/Berlin","days":["sun"],"start":"06:00","end":"14:00"}`).expect(t, "PUT", 201, "")
	p.putIn(t, "calendars", "off", `{"scope":{"site":"s"},"days":[{"date":"2024-04-01","kind":"off"}]}`).expect(t, "PUT", 201, "")
	p.put(t, "m", `{"site":"s","area":"a","line":"l"}`)
	const (
		night  = `{"shift":"night","day":"2024-03-30","from":1711832400000,"to":1711857600000,"seconds":25200,"breaks":[{"from":1711846800000,"to":1711846800000}]}`
		early  = `{"shift":"early","day":"2024-03-31","from":1711857600000,"to":1711886400000,"seconds":28800,"breaks":[]}`
		night2 = `{"shift":"night","day":"2024-03-31","from":1711915200000,"to":1711944000000,"seconds":28800,"breaks":[{"from":1711930500000,"to":1711932300000}]}`
	)
	const path = "/api/v1/shifts/instances?from=2024-03-31T00:00&to=2024-04-01T12:00&tz=Europe/Berlin"
	page := func(list, cursor string) string { return `{"instances":[` + list + `],"next_cursor":` + cursor + `}` }
	for query, want := range map[string]string{
		"&line=l":             page(night+","+early+","+night2, "null"),
		"&line=s/a/l":         page(night+","+early+","+night2, "null"),
		"&machine=m":          page(night+","+early+","+night2, "null"),
		"&machine=m&line=k":   page("", "null"),
		"&shift=early&line=l": page(early, "null"),
		"&site=t&line=k":      page(`{"shift":"other","day":"2024-03-31","from":1711857600000,"to":1711886400000,"seconds":28800,"breaks":[]}`, "null"),
	} {
		if a := p.get(t, path+query); a.status != 200 || a.body != want {
			t.Errorf("GET …%s = %d %s, want %s", query, a.status, a.body, want)
		}
	}
	cursor, got := "", ""
	for range 3 {
		a := p.get(t, path+"&line=l&limit=1&cursor="+cursor).jsonObject(t)
		got += fmt.Sprint(a["instances"].([]any)[0].(map[string]any)["from"], " ")
		cursor, _ = a["next_cursor"].(string)
	}
	if want := "1.7118324e+12 1.7118576e+12 1.7119152e+12 "; got != want || cursor != "" {
		t.Errorf("pages of one = %s%q, want %s", got, cursor, want)
	}
}

func TestShiftInstancesErrors(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for query, want := range map[string]string{
		"":                               "from: is missing",
		"?from=0":                        "to: is missing",
		"?from=2024-01-02&to=2024-01-01": "from: is after to",
		"?from=1970-01-02&to=2024-01-01": "to: is more than 3660 days after from",
		"?from=2024-01-01&to=2024-01-02&tz=Berlin":   "tz: Berlin is not the name of a time zone",
		"?from=2024-01-01&to=2024-01-02&cursor=x":    "cursor: is not a next_cursor",
		"?from=2024-01-01&to=2024-01-02&limit=10000": "limit: ",
		"?from=2024-01-01&to=2024-01-02&lines=l":     "lines: is unknown",
	} {
		a := p.get(t, "/api/v1/shifts/instances"+query)
		if got := a.problem(t); a.status != 400 || len(got.Errors) != 1 || len(want) == 0 || fmt.Sprintf("%s: %s", got.Errors[0].Pointer, got.Errors[0].Detail)[:len(want)] != want {
			t.Errorf("GET …%s = %d %s, want 400 with %s", query, a.status, a.body, want)
		}
	}
}

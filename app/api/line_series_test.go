package api_test

import (
	"net/url"
	"strings"
	"testing"

	"smart-factory-backend/app/api"
)

// Every way to read knows the metrics of line protocol by their names.
func TestMetricsWithTags(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	const sda, sdb = `disk_used_percent{device="sda1",path="/"}`, `disk_used_percent{device="sdb1",path="/var/a,b \"}\""}`
	p.writeLines(t, "disk,host=e,device=sda1,path=/ used_percent=1 1700000000000000000\n"+
		`disk,host=e,device=sdb1,path=/var/a\,b\ "}" used_percent=2 1700000000000000000`+"\n")
	history := "/api/v1/machines/e/history?metric="
	a, b := url.QueryEscape(sda), url.QueryEscape(sdb)
	for path, want := range map[string]string{
		history + a:                          "1",
		history + b:                          "2",
		history + a + "," + b:                "12",
		history + a + "&metric=" + b:         "12",
		history + b + ",none":                "2",
		"/api/v1/latest?metric=" + b:         "2",
		"/api/v1/latest?machine=e":           "12",
		history + a + "&points=10":           "1",
		history + a + "&format=ndjson":       "1",
		history + a + "&interval=1h&agg=max": "1",
	} {
		got := ""
		response := p.do(t, "GET", path, "")
		for digit, name := range map[string]string{"1": strings.ReplaceAll(sda, `"`, `\"`), "2": strings.ReplaceAll(strings.ReplaceAll(sdb, `\`, `\\`), `"`, `\"`)} {
			if strings.Contains(response.body, `"`+name+`"`) {
				got += digit
			}
		}
		if response.status != 200 || got != want && got != reversed(want) {
			t.Errorf("GET %s = %d, %s, want the metrics %s", path, response.status, response.body, want)
		}
	}
	if got := p.do(t, "GET", history+b+"&format=csv", ""); !strings.Contains(got.body, `1700000000000,e,"disk_used_percent{device=""sdb1"",path=""/var/a,b \""}\""""}",2`) {
		t.Errorf("CSV = %s", got.body)
	}
	path := "/api/v1/machines/e/metrics/" + url.PathEscape(sdb)
	if got := p.do(t, "PUT", path, `{"unit":"%"}`); got.status != 200 {
		t.Errorf("PUT metric = %+v, want 200", got)
	}
	if got := p.do(t, "GET", path, ""); got.status != 200 || !strings.Contains(got.body, `"unit":"%"`) {
		t.Errorf("GET metric = %+v, want its unit", got)
	}
}

func reversed(s string) string {
	if len(s) < 2 {
		return s
	}
	return s[1:] + s[:1]
}

func TestSplitMetrics(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{
		"a,b":                        {"a", "b"},
		`a{x="1",y="2"},b`:           {`a{x="1",y="2"}`, "b"},
		`a{x="}\",",y="2"},b{z="1"}`: {`a{x="}\",",y="2"}`, `b{z="1"}`},
		"a{,b":                       {"a{", "b"},
		`a\{,b`:                      {`a\{`, "b"},
		`a{x=",b`:                    {`a{x="`, "b"},
		"":                           {""},
	} {
		if got := api.SplitMetrics(list); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("splitMetrics(%s) = %q, want %q", list, got, want)
		}
	}
}

package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
)

// jsonObject is the body of a response.
type jsonObject map[string]any

func (a response) jsonObject(t testing.TB) jsonObject {
	t.Helper()
	var e jsonObject
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.header["Content-Type"] != "application/json" {
		t.Fatalf("response = %+v, want JSON (%v)", a, err)
	}
	return e
}

func (p *testServer) put(t testing.TB, path, body string, headers ...string) response {
	t.Helper()
	return p.do(t, "PUT", "/api/v1/machines/"+path, body, headers...)
}

func TestMachineLifecycle(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	const description = `{"name":"Press 4","site":"berlin","area":"hall 1","line":"a","attributes":{"vendor":"ACME","year":"2019"}}`
	path := url.PathEscape("press/4 ü")
	a := p.put(t, path, description)
	if a.status != 201 || a.header["Location"] != "/api/v1/machines/"+path || a.header["Etag"] == "" {
		t.Fatalf("first PUT = %+v, want 201 with Location and ETag", a)
	}
	if again := p.put(t, path, description); again.status != 200 || again.header["Etag"] != a.header["Etag"] || again.body != a.body {
		t.Errorf("the same PUT again = %+v, want 200 and nothing changed from %+v", again, a)
	}
	got := p.get(t, "/api/v1/machines/"+path)
	if got.status != 200 || got.body != a.body || got.header["Etag"] != a.header["Etag"] {
		t.Errorf("GET = %+v, want what PUT gave: %+v", got, a)
	}
	e := got.jsonObject(t)
	want := jsonObject{"id": "press/4 ü", "name": "Press 4", "site": "berlin", "area": "hall 1", "line": "a", "path": "berlin/hall 1/a", "last_seen": nil}
	for key, value := range want {
		if e[key] != value {
			t.Errorf("%s = %v, want %v", key, e[key], value)
		}
	}
	if fmt.Sprint(e["attributes"]) != "map[vendor:ACME year:2019]" || e["created_at"].(float64) < 1.7e12 {
		t.Errorf("machine = %v", e)
	}
	if back := p.put(t, path, got.body, "If-Match: "+got.header["Etag"]); back.status != 200 || back.header["Etag"] != got.header["Etag"] {
		t.Errorf("what GET gave put back = %+v, want 200", back)
	}
	if changed := p.put(t, path, `{"site":"berlin"}`); changed.status != 200 || changed.header["Etag"] == a.header["Etag"] || changed.jsonObject(t)["name"] != "" {
		t.Errorf("PUT replaces: %+v", changed)
	}
	if a := p.do(t, "DELETE", "/api/v1/machines/"+path, ""); a.status != 204 || a.body != "" {
		t.Errorf("DELETE = %+v", a)
	}
	if a := p.get(t, "/api/v1/machines/"+path); a.status != 404 {
		t.Errorf("GET after DELETE = %+v", a)
	}
	if a := p.do(t, "DELETE", "/api/v1/machines/unknown", ""); a.status != 404 {
		t.Errorf("DELETE of unknown = %+v", a)
	}
}

func TestMachineHasSignals(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	signals := `{"state":{"metric":"StateCurrent","map":"packml","default":"idle"},"good":{"metric":"labels"},"offline_after":"5m"}`
	a := p.put(t, "m", `{"signals": `+signals+`, "ideal_cycle_s": 0.1}`)
	a.expect(t, "PUT with signals", 201, `"signals":`+signals+`,"ideal_cycle_s":0.1`)
	if back := p.put(t, "m", a.body); back.status != 200 || back.header["Etag"] != a.header["Etag"] {
		t.Errorf("what PUT gave put back = %+v, want the same version", back)
	}
	if b := p.put(t, "m", `{"ideal_cycle_s":0.1}`); b.status != 200 || b.header["Etag"] == a.header["Etag"] || b.jsonObject(t)["signals"] != nil {
		t.Errorf("PUT without signals = %+v", b)
	}
}

// Who has changed a machine or a metric stands in the journal.
func TestRegistryChangesAreAudited(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("ann:admin:s-ann", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(list) })
	p.put(t, "m", `{"line":"a"}`, "X-API-Key: s-ann")
	p.put(t, "m/metrics/t", `{"unit":"Cel"}`, "X-API-Key: s-ann")
	p.do(t, "DELETE", "/api/v1/machines/m", "", "X-API-Key: s-ann")
	events, err := p.store.EventsAfter(t.Context(), factory.LogQuery{Limit: 10})
	if err != nil || len(events) != 3 {
		t.Fatalf("events = %v, %v, want 3", events, err)
	}
	for i, want := range []string{"machine/m", "metric/m/t", "machine/m"} {
		if e := events[i]; e.Kind != factory.EventAudit || e.By != "ann" || e.Subject != want {
			t.Errorf("event %d = %+v, want an audit of %s by ann", i, e, want)
		}
	}
}

func TestMachinePathFillsPlacement(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for body, want := range map[string]string{
		`{"path":"s/a/l"}`:                     "s a l s/a/l",
		`{"path":"s/a"}`:                       "s a  s/a",
		`{"path":"s"}`:                         "s   s",
		`{}`:                                   "   ",
		`{"site":"s","line":"l"}`:              "s  l s//l",
		`{"path":"old/a/l","site":"s"}`:        "s   s",
		`{"name":null,"path":"s","site":null}`: "s   s",
		" {\n\t\"path\" : \"s\" , \"area\":\"\"}\r\n": "s   s",
	} {
		e := p.put(t, "m", body).jsonObject(t)
		if got := fmt.Sprint(e["site"], " ", e["area"], " ", e["line"], " ", e["path"]); got != want {
			t.Errorf("PUT %s = %q, want %q", body, got, want)
		}
	}
}

func TestInvalidDescriptionsAreRejected(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	p.put(t, "m", `{}`)
	long := strings.Repeat("x", 129)
	tests := map[string]struct {
		path, body string
		want       []string // pointer: a part of the detail; none: of the whole
	}{
		"not JSON":                        {"m", `site=berlin`, nil},
		"empty body":                      {"m", ``, nil},
		"an array":                        {"m", `[]`, nil},
		"truncated":                       {"m", `{"site":"berlin"`, nil},
		"data after the object":           {"m", `{}{}`, nil},
		"unknown members":                 {"m", `{"sites":"a","Name":"b","site":"c"}`, []string{"/sites: is unknown", "/Name: is unknown"}},
		"repeated member":                 {"m", `{"site":"a","site":"b"}`, []string{"/site: appears more than once"}},
		"another id":                      {"m", `{"id":"n"}`, []string{"/id: differs from the machine"}},
		"members that are not strings":    {"m", `{"name":1,"site":true,"attributes":[]}`, []string{"/name: must be a string", "/site: must be a string", "/attributes: must be an object of strings"}},
		"attributes that are not strings": {"m", `{"attributes":{"a":"b","c":1}}`, []string{"/attributes: must be an object of strings, but c is not a string"}},
		"repeated attribute":              {"m", `{"attributes":{"a":"b","a":"c"}}`, []string{"/attributes: contains a more than once"}},
		"invalid signals":                 {"m", `{"signals":{"state":{"metric":"s","map":"packm"},"goods":{"metric":"g"}}}`, []string{"/signals/goods: is unknown"}},
		"signals of another type":         {"m", `{"signals":[]}`, []string{"/signals: the document is not a JSON object"}},
		"a map with a typo":               {"m", `{"signals":{"state":{"metric":"s","map":{"1":"run"}}}}`, []string{"/signals/state/map/1: "}},
		"an ideal cycle of zero":          {"m", `{"ideal_cycle_s":0}`, []string{"/ideal_cycle_s: must be above 0"}},
		"an ideal cycle as text":          {"m", `{"ideal_cycle_s":"1"}`, []string{"/ideal_cycle_s: must be a number"}},
		"too many attributes":             {"m", `{"attributes":{` + manyAttributes(65) + `}}`, []string{"/attributes: 65 attributes, more than 64"}},
		"long names everywhere":           {"m", `{"name":"` + long + `","site":"` + long + `","area":"a/b","line":" l"}`, []string{"/name: display name", "/site: site name", "/area: area name", "/line: line name"}},
		"a path with too many parts":      {"m", `{"path":"a/b/c/d"}`, []string{"/line: line name"}},
		"invalid id in the path":          {long, `{}`, nil},
		"a unit with a space":             {"m/metrics/t", `{"unit":"deg C"}`, []string{"/unit: unit"}},
		"a unit that is not ASCII":        {"m/metrics/t", `{"unit":"°C"}`, []string{"/unit: unit"}},
		"a unit with mismatched brackets": {"m/metrics/t", `{"unit":"m/(s"}`, []string{"/unit: unit"}},
		"unknown kind":                    {"m/metrics/t", `{"kind":"histogram"}`, []string{"/kind: kind"}},
		"minimum above the maximum":       {"m/metrics/t", `{"expected_min":2,"expected_max":1}`, []string{"/expected_min: expected minimum 2 is above"}},
		"invalid bounds":                  {"m/metrics/t", `{"expected_min":"2","expected_max":1e999}`, []string{"/expected_min: must be a number", "/expected_max: is outside the range"}},
		"invalid retention":               {"m/metrics/t", `{"retention":"long"}`, []string{`/retention: "long" is neither`}},
		"zero retention":                  {"m/metrics/t", `{"retention":"0d"}`, []string{`/retention: `}},
		"retention of a millennium":       {"m/metrics/t", `{"retention":"99999w"}`, []string{`/retention: `}},
		"retention that overflows":        {"m/metrics/t", `{"retention":"30500w"}`, []string{`/retention: "30500w" is more than 100 years`}},
		"retention as a number":           {"m/metrics/t", `{"retention":30}`, []string{`/retention: must be a string`}},
		"names that differ from the path": {"m/metrics/t", `{"machine":"n","metric":"u"}`, []string{"/machine: differs from the machine", "/metric: differs from the metric"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := p.put(t, tt.path, tt.body)
			got := a.problem(t)
			if a.status != 400 || len(got.Errors) != len(tt.want) {
				t.Fatalf("PUT = %d %s, want 400 with %d errors", a.status, a.body, len(tt.want))
			}
			for i, want := range tt.want {
				if text := got.Errors[i].Pointer + ": " + got.Errors[i].Detail; !strings.HasPrefix(text, want) {
					t.Errorf("error %d = %q, want %q…", i, text, want)
				}
			}
		})
	}
}

func manyAttributes(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"a%d":""`, i))
	}
	return strings.Join(list, ",")
}

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	tag := p.put(t, "m", `{"site":"1"}`).header["Etag"]
	old := tag
	tag = p.put(t, "m", `{"site":"2"}`, "If-Match: "+tag).header["Etag"]
	for _, tt := range []struct {
		method, path, header string
		want                 int
	}{
		{"PUT", "m", "If-Match: " + old, 412},
		{"PUT", "m", "If-Match: " + old + ", " + tag, 200},
		{"PUT", "m", "If-Match: *", 200},
		{"PUT", "m", `If-Match: "nonsense"`, 412},
		{"PUT", "m", "If-Match: W/" + tag, 412},
		{"PUT", "m", "If-Match: 2", 400},
		{"PUT", "m", "If-None-Match: *", 412},
		{"PUT", "m", "If-None-Match: " + tag, 412},
		{"PUT", "m", "If-None-Match: " + old, 200},
		{"PUT", "new", "If-Match: *", 412},
		{"PUT", "new", "If-Match: " + tag, 412},
		{"PUT", "new", "If-None-Match: " + tag, 201},
		{"PUT", "other", "If-None-Match: *", 201},
		{"PUT", "other", "If-None-Match: *", 412},
		{"GET", "m", "If-None-Match: " + tag, 304},
		{"GET", "m", "If-None-Match: W/" + tag, 304},
		{"GET", "m", "If-None-Match: " + old, 200},
		{"GET", "m", "If-None-Match: *", 304},
		{"GET", "m", "If-Match: " + old, 412},
		{"GET", "m", "If-Match: " + tag, 200},
		{"DELETE", "m", "If-Match: " + old, 412},
		{"DELETE", "m", "If-Match: " + tag, 204},
	} {
		body := map[string]string{"PUT": `{"site":"2"}`}[tt.method]
		a := p.do(t, tt.method, "/api/v1/machines/"+tt.path, body, tt.header)
		if a.status != tt.want {
			t.Errorf("%s %s with %s = %d %s, want %d", tt.method, tt.path, tt.header, a.status, a.body, tt.want)
		}
		if a.status == 304 && (a.body != "" || a.header["Etag"] != tag) {
			t.Errorf("304 = %+v, want no body and the tag", a)
		}
	}
	if a := p.put(t, "m", `{}`, "If-Match: *", "If-None-Match: *"); a.status != 400 {
		t.Errorf("both conditions = %+v, want 400", a)
	}
}

// A reading changes the entity tag of its machine, but a PUT with the old tag still
// succeeds.
func TestEntityTagFollowsLastSeen(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	before := p.put(t, "m", `{"site":"1"}`).header["Etag"]
	p.post(t, `{"machine":"m","ts":1700000000000,"values":{"a":1}}`)
	a := p.get(t, "/api/v1/machines/m", "If-None-Match: "+before)
	if a.status != 200 || a.jsonObject(t)["last_seen"] != 1.7e12 {
		t.Errorf("GET with the old tag = %+v, want 200 with last_seen", a)
	}
	if a := p.put(t, "m", `{"site":"2"}`, "If-Match: "+before); a.status != 200 {
		t.Errorf("PUT with the tag from before the reading = %+v, want 200", a)
	}
}

func TestListMachines(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for i := range 25 {
		p.put(t, fmt.Sprintf("press-%02d", i), fmt.Sprintf(`{"site":"s%d","area":"a","line":"l%d"}`, i%2, i%5))
	}
	p.post(t, `{"machine":"mill","values":{"a":1}}`)
	for query, want := range map[string]int{
		"": 26, "?site=s0": 13, "?site=s1&line=l0": 2, "?area=a": 25, "?q=press-1": 10, "?q=mill": 1, "?q=unknown": 0, "?site=": 26, "?line=l4&q=press-2": 1,
	} {
		list := p.get(t, "/api/v1/machines"+query).jsonObject(t)["machines"].([]any)
		if len(list) != want {
			t.Errorf("GET %s lists %d, want %d", query, len(list), want)
		}
	}
	seen, cursor, pages := []string{}, "", 0
	for {
		e := p.get(t, "/api/v1/machines?limit=10"+cursor).jsonObject(t)
		for _, m := range e["machines"].([]any) {
			seen = append(seen, m.(map[string]any)["id"].(string))
		}
		if pages++; e["next_cursor"] == nil || pages > 10 {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(e["next_cursor"].(string))
	}
	if len(seen) != 26 || pages != 3 || seen[0] != "mill" || seen[25] != "press-24" {
		t.Errorf("%d machines on %d pages: %v", len(seen), pages, seen)
	}
	for _, query := range []string{"?limit=1001", "?name=x", "?cursor=nonsense"} {
		if a := p.get(t, "/api/v1/machines"+query); a.status != 400 {
			t.Errorf("GET %s = %+v, want 400", query, a)
		}
	}
}

func TestMetricLifecycle(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	p.put(t, "m", `{}`)
	path := "m/metrics/" + url.PathEscape("t/1 ü")
	a := p.put(t, path, `{"unit":"Cel","kind":"gauge","expected_min":-40.5,"expected_max":120,"retention":"P30D"}`)
	if a.status != 201 || a.header["Location"] != "/api/v1/machines/"+path || a.header["Etag"] == "" {
		t.Fatalf("PUT = %+v, want 201", a)
	}
	e := a.jsonObject(t)
	for key, want := range (jsonObject{"machine": "m", "metric": "t/1 ü", "unit": "Cel", "kind": "gauge", "expected_min": -40.5, "expected_max": 120.0, "retention": "30d"}) {
		if e[key] != want {
			t.Errorf("%s = %v, want %v", key, e[key], want)
		}
	}
	got := p.get(t, "/api/v1/machines/"+path)
	if got.body != a.body || got.header["Etag"] != a.header["Etag"] {
		t.Errorf("GET = %+v, want %+v", got, a)
	}
	if back := p.put(t, path, got.body, "If-Match: "+got.header["Etag"]); back.status != 200 || back.body != got.body {
		t.Errorf("what GET gave put back = %+v", back)
	}
	if a := p.get(t, "/api/v1/machines/"+path, "If-None-Match: "+got.header["Etag"]); a.status != 304 {
		t.Errorf("GET with its tag = %d, want 304", a.status)
	}
	if a := p.put(t, path, `{"kind":"counter"}`, `If-Match: "99"`); a.status != 412 {
		t.Errorf("PUT with another tag = %d, want 412", a.status)
	}
	for body, want := range map[string]any{`{"retention":"8w"}`: "56d", `{"retention":"1y"}`: "365d", `{"retention":"PT36H"}`: "36h", `{"retention":"90s"}`: "90s", `{"retention":"forever"}`: "forever", `{"retention":null}`: nil, `{}`: nil} {
		if e := p.put(t, path, body).jsonObject(t); e["retention"] != want || e["kind"] != "gauge" || e["expected_min"] != nil {
			t.Errorf("PUT %s = %v, want the retention %v", body, e, want)
		}
	}
	p.post(t, `{"machine":"m","ts":1700000000000,"values":{"a":1}}`)
	list := p.get(t, "/api/v1/machines/m/metrics").jsonObject(t)["metrics"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["metric"] != "a" {
		t.Errorf("metrics = %v", list)
	}
	for _, path := range []string{"unknown/metrics", "unknown/metrics/t", "m/metrics/nothing"} {
		if a := p.get(t, "/api/v1/machines/"+path); a.status != 404 {
			t.Errorf("GET %s = %d, want 404", path, a.status)
		}
	}
	if a := p.put(t, "unknown/metrics/t", `{}`); a.status != 404 {
		t.Errorf("PUT of a metric of unknown = %+v, want 404", a)
	}
}

func TestUnitIsReturnedWithTheMetric(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	p.put(t, "m", `{}`)
	p.put(t, "m/metrics/t", `{"unit":"Cel"}`)
	p.post(t, `{"machine":"m","ts":1700000000000,"values":{"t":1}}`)
	for _, path := range []string{"/api/v1/latest", "/api/v1/machines/m/history", "/api/v1/machines/m/history?interval=1h", "/api/v1/machines/m/history?points=2"} {
		if a := p.get(t, path); !strings.Contains(a.body, `"unit":"Cel"`) {
			t.Errorf("GET %s = %s, want the unit", path, a.body)
		}
	}
}

func TestPurgeDeletesHistory(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	p.post(t, `{"machine":"m","ts":1700000000000,"values":{"a":1}}`)
	p.do(t, "DELETE", "/api/v1/machines/m", "")
	if a := p.get(t, "/api/v1/machines/m/history"); a.status != 200 || !strings.Contains(a.body, "[1700000000000,1]") {
		t.Errorf("history after DELETE = %+v, want it kept", a)
	}
	if a := p.get(t, "/api/v1/machines/m/history?points=10"); a.status != 200 || !strings.Contains(a.body, "[1700000000000,1]") {
		t.Errorf("picture after DELETE = %+v, want it kept", a)
	}
	if a := p.do(t, "DELETE", "/api/v1/machines/m?purge=yes", ""); a.status != 400 {
		t.Errorf("purge=yes = %+v, want 400", a)
	}
	if a := p.do(t, "DELETE", "/api/v1/machines/m?purge=true", ""); a.status != 204 {
		t.Errorf("DELETE with purge = %+v", a)
	}
	if a := p.get(t, "/api/v1/machines/m/history"); a.status != 404 {
		t.Errorf("history after purge = %+v, want 404", a)
	}
}

func TestRegistryWritesNeedAdmin(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("a:read:s-read,b:ingest:s-ingest,c:operate:s-operate,d:admin:s-admin", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(list) })
	if _, _, err := p.store.PutMachine(t.Context(), factory.Machine{ID: "m"}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path string
		want         map[string]int
	}{
		{"GET", "", map[string]int{"read": 200, "ingest": 403, "operate": 200, "admin": 200}},
		{"GET", "/m", map[string]int{"read": 200, "ingest": 403, "operate": 200, "admin": 200}},
		{"PUT", "/m", map[string]int{"read": 403, "ingest": 403, "operate": 403, "admin": 200}},
		{"PUT", "/m/metrics/t", map[string]int{"read": 403, "ingest": 403, "operate": 403, "admin": 201}},
		{"DELETE", "/m", map[string]int{"read": 403, "ingest": 403, "operate": 403, "admin": 204}},
	} {
		for _, role := range []string{"read", "ingest", "operate", "admin"} {
			body := map[string]string{"PUT": "{}"}[tt.method]
			if a := p.do(t, tt.method, "/api/v1/machines"+tt.path, body, "X-API-Key: s-"+role); a.status != tt.want[role] {
				t.Errorf("%s %s as %s = %d, want %d", tt.method, tt.path, role, a.status, tt.want[role])
			}
		}
	}
}

package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
)

// collectionExamples hold, for each collection, two different documents and bodies
// that are refused, by the pointers of their errors.
var collectionExamples = map[string]struct {
	one, two string
	refused  map[string]string
	// onlyRefused lists the refused bodies that a schema cannot refuse.
	onlyRefused []string
}{
	"products": {
		one: `{"name":"Cap 28 mm <A&B>","ideal_cycle_s":0.25,"unit":"{cap}"}`,
		two: `{"ideal_cycle_s":3}`,
		refused: map[string]string{
			`{"ideal_cycle_s":0}`:                     "/ideal_cycle_s",
			`{"ideal_cycle_s":-1,"nam":"x"}`:          "/nam",
			`{"ideal_cycle_s":"1","name":1}`:          "/ideal_cycle_s /name",
			`{"unit":"a b","name":" x"}`:              "/name /unit",
			`{"name":"x","name":"y"}`:                 "/name",
			`{"id":"other","created_at":1,"Unit":""}`: "/id /Unit",
			`{"id":7}`:                        "/id",
			`{"updated_at":1,"updated_at":2}`: "/updated_at",
		},
		onlyRefused: []string{`{"name":"x","name":"y"}`, `{"updated_at":1,"updated_at":2}`, `{"id":"other","created_at":1}`},
	},
	"shifts": {
		one: `{"name":"Late","scope":{"site":"berlin","line":"a"},"tz":"Europe/Berlin","days":["mon","fri"],"start":"14:00","end":"22:00","breaks":[{"start":"18:00","end":"18:30"}]}`,
		two: `{"tz":"Europe/Berlin","days":[],"start":"22:00","end":"06:00","valid_from":"2030-01-01","valid_until":"2030-12-31"}`,
		refused: map[string]string{
			`{}`: "/tz /days /start /end",
			`{"tz":"Mars/Base","days":["mon"],"start":"06:00","end":"14:00"}`:                                                "/tz",
			`{"tz":"UTC","days":["monday"],"start":"6:00","end":"24:01","valid_until":"soon"}`:                               "/days/0 /start /end /valid_until",
			`{"tz":"UTC","days":["mon"],"start":"06:00","end":"14:00","scope":{"lines":"a"}}`:                                "/scope/lines",
			`{"tz":"UTC","days":["mon"],"start":"06:00","end":"14:00","breaks":[{"start":"05:00","end":"07:00"}]}`:           "/breaks/0",
			`{"tz":"UTC","days":["mon"],"start":"06:00","end":"14:00","valid_from":"2030-01-02","valid_until":"2030-01-01"}`: "/valid_until",
		},
		onlyRefused: []string{
			`{"tz":"Mars/Base","days":["mon"],"start":"06:00","end":"14:00"}`,
			`{"tz":"UTC","days":["mon"],"start":"06:00","end":"14:00","breaks":[{"start":"05:00","end":"07:00"}]}`,
			`{"tz":"UTC","days":["mon"],"start":"06:00","end":"14:00","valid_from":"2030-01-02","valid_until":"2030-01-01"}`,
		},
	},
	"calendars": {
		one: `{"name":"Holidays","scope":{"site":"berlin"},"days":[{"date":"2030-12-25","name":"Christmas","kind":"off"}]}`,
		two: `{"days":[]}`,
		refused: map[string]string{
			`{"days":[{"date":"2030-02-30","kind":"off"}]}`:      "/days/0/date",
			`{"days":[{"date":"2030-12-25","kind":"free"}]}`:     "/days/0/kind",
			`{"days":[{"date":"2030-12-25","shifts":["none"]}]}`: "/days/0/shifts/0",
			`{"day":[]}`: "/day",
		},
		onlyRefused: []string{`{"days":[{"date":"2030-02-30","kind":"off"}]}`, `{"days":[{"date":"2030-12-25","shifts":["none"]}]}`},
	},
	"alarm-rules": {
		one: `{"name":"Hot","machine":"press-1","metric":"temperature","when":{"op":">","limit":80,"deadband":2},"on_delay":"10s","severity":"high","only_in_states":["running"],"cause":"a"}`,
		two: `{"scope":{"line":"a"},"when":{"op":"state","state":"fault"},"ack_required":false,"severity":"low"}`,
		refused: map[string]string{
			`{}`: "/machine",
			`{"machine":"press-1","metric":"pressure","severity":"low","when":{"op":">","limit":1}}`:                             "/metric",
			`{"machine":"press-2","metric":"temperature","severity":"low","when":{"op":">","limit":1}}`:                          "/machine",
			`{"scope":{"machine":"press-2"},"severity":"low","when":{"op":"state","state":"fault"}}`:                             "/scope/machine",
			`{"scope":{"site":"oslo"},"metric":"temperature","severity":"low","when":{"op":"outside","low":1,"high":2}}`:         "/metric",
			`{"machine":"press-1","metric":"recipe","severity":"low","when":{"op":"<","limit":1}}`:                               "/metric",
			`{"machine":"press-1","metric":"temperature","severity":"low","when":{"op":">","limit":1},"suppressed_by":["none"]}`: "/suppressed_by/0",
			`{"machine":"press-1","metric":"temperature","severity":"low","when":{"op":"=","limit":1}}`:                          "/when/op",
			`{"machine":"press-1","metric":"temperature","severity":"severe","when":{"op":">","limt":1},"on_delay":10}`:          "/when/limt /on_delay",
			`{"machine":"press-1","metric":"temperature","severity":"low","when":{"op":"state","state":"broken"}}`:               "/when/state",
		},
		onlyRefused: []string{
			`{"machine":"press-1","metric":"pressure","severity":"low","when":{"op":">","limit":1}}`,
			`{"machine":"press-2","metric":"temperature","severity":"low","when":{"op":">","limit":1}}`,
			`{"scope":{"machine":"press-2"},"severity":"low","when":{"op":"state","state":"fault"}}`,
			`{"scope":{"site":"oslo"},"metric":"temperature","severity":"low","when":{"op":"outside","low":1,"high":2}}`,
			`{"machine":"press-1","metric":"recipe","severity":"low","when":{"op":"<","limit":1}}`,
			`{"machine":"press-1","metric":"temperature","severity":"low","when":{"op":">","limit":1},"suppressed_by":["none"]}`,
		},
	},
}

// startPlant starts a server that knows what collectionExamples refer to.
func startPlant(t *testing.T, change func(*api.Options, *testServer)) *testServer {
	t.Helper()
	p := startServer(t, change)
	put := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := p.store.PutMachine(t.Context(), factory.Machine{ID: "press-1", Placement: factory.Placement{Site: "berlin", Line: "a"}}, factory.MatchAlways)
	put(err)
	for name, kind := range map[string]factory.MetricKind{"temperature": factory.Gauge, "recipe": factory.Text} {
		_, _, err := p.store.PutMetric(t.Context(), factory.Metric{Machine: "press-1", Name: name, Kind: kind}, factory.MatchAlways)
		put(err)
	}
	return p
}

func (p *testServer) putIn(t testing.TB, collection, id, body string, headers ...string) response {
	t.Helper()
	return p.do(t, "PUT", "/api/v1/"+collection+"/"+url.PathEscape(id), body, headers...)
}

func TestEachCollectionHasExamples(t *testing.T) {
	t.Parallel()
	for _, name := range api.Collections() {
		if _, ok := collectionExamples[name]; !ok {
			t.Errorf("the collection %s has no examples", name)
		}
	}
}

func TestDocumentLifecycle(t *testing.T) {
	t.Parallel()
	for name, example := range collectionExamples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPlant(t, nil)
			path := "/api/v1/" + name + "/" + url.PathEscape("a/1 ü")
			created := p.do(t, "PUT", path, example.one)
			if created.status != 201 || created.header["Location"] != path || created.header["Etag"] == "" {
				t.Fatalf("first PUT = %+v, want 201 with Location and ETag", created)
			}
			e := created.jsonObject(t)
			if e["id"] != "a/1 ü" || e["created_at"].(float64) < 1.6e12 || e["updated_at"] != e["created_at"] {
				t.Errorf("document = %v", e)
			}
			for key, want := range (response{body: example.one, header: map[string]string{"Content-Type": "application/json"}}).jsonObject(t) {
				if !reflect.DeepEqual(e[key], want) {
					t.Errorf("%s = %v, want %v", key, e[key], want)
				}
			}
			got := p.get(t, path)
			if got.status != 200 || got.body != created.body || got.header["Etag"] != created.header["Etag"] {
				t.Errorf("GET = %+v, want %+v", got, created)
			}
			if back := p.do(t, "PUT", path, got.body); back.status != 200 || back.body != got.body || back.header["Etag"] != got.header["Etag"] {
				t.Errorf("what GET gave put back = %+v, want 200 and the same version", back)
			}
			changed := p.do(t, "PUT", path, example.two)
			if changed.status != 200 || changed.header["Etag"] == got.header["Etag"] || changed.jsonObject(t)["created_at"] != e["created_at"] {
				t.Errorf("PUT of another content = %+v, want 200 and a new version", changed)
			}
			if a := p.do(t, "DELETE", path, ""); a.status != 204 || a.body != "" {
				t.Errorf("DELETE = %+v", a)
			}
			for _, method := range []string{"GET", "DELETE"} {
				if a := p.do(t, method, path, ""); a.status != 404 || !strings.Contains(a.problem(t).Detail, "a/1 ü") {
					t.Errorf("%s after DELETE = %+v, want 404", method, a)
				}
			}
			if again := p.do(t, "PUT", path, example.one, "If-None-Match: *"); again.status != 201 || again.header["Etag"] == created.header["Etag"] {
				t.Errorf("PUT after DELETE = %+v, want 201 and a version of its own", again)
			}
		})
	}
}

func TestDocumentsAreListed(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for i := range 25 {
		p.putIn(t, "products", fmt.Sprintf("cap-%02d", i), `{}`)
	}
	p.putIn(t, "products", "lid", `{}`)
	for query, want := range map[string]int{"": 26, "?q=cap-1": 10, "?q=lid": 1, "?q=unknown": 0, "?limit=7": 7} {
		list := p.get(t, "/api/v1/products"+query).jsonObject(t)["products"].([]any)
		if len(list) != want {
			t.Errorf("GET %s lists %d, want %d", query, len(list), want)
		}
	}
	var seen []string
	for cursor := "?limit=10"; ; {
		e := p.get(t, "/api/v1/products"+cursor).jsonObject(t)
		for _, product := range e["products"].([]any) {
			seen = append(seen, product.(map[string]any)["id"].(string))
		}
		if e["next_cursor"] == nil || len(seen) > 30 {
			break
		}
		cursor = "?limit=10&cursor=" + url.QueryEscape(e["next_cursor"].(string))
	}
	if len(seen) != 26 || seen[0] != "cap-00" || seen[25] != "lid" {
		t.Errorf("the pages list %v", seen)
	}
	for _, query := range []string{"?limit=1001", "?limit=0", "?name=x", "?line=x"} {
		if a := p.get(t, "/api/v1/products"+query); a.status != 400 {
			t.Errorf("GET %s = %+v, want 400", query, a)
		}
	}
}

func TestInvalidDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	p := startPlant(t, nil)
	for name, example := range collectionExamples {
		for body, want := range example.refused {
			a := p.putIn(t, name, "a", body)
			var pointers []string
			for _, fault := range a.problem(t).Errors {
				pointers = append(pointers, fault.Pointer)
			}
			for pointer := range strings.FieldsSeq(want) {
				if a.status != 400 || !strings.Contains(" "+strings.Join(pointers, " ")+" ", " "+pointer+" ") {
					t.Errorf("PUT %s %s = %d %s, want 400 that names %s", name, body, a.status, a.body, pointer)
				}
			}
		}
		for body, want := range map[string]int{
			"": 400, "x": 400, "[]": 400, "null": 400, example.one[:len(example.one)-1]: 400, example.one + "{}": 400,
			`{"a":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + "}": 400, "{" + strings.Repeat(" ", 64<<10) + "}": 413,
		} {
			if a := p.putIn(t, name, "a", body); a.status != want {
				t.Errorf("PUT %s %.40q = %d %s, want %d", name, body, a.status, a.body, want)
			}
		}
		for _, id := range []string{strings.Repeat("x", 129), " a", "a\x1f"} {
			if a := p.putIn(t, name, id, example.one); a.status != 400 {
				t.Errorf("PUT %s with the id %.10q = %d, want 400", name, id, a.status)
			}
		}
		if a := p.get(t, "/api/v1/"+name); a.body != `{"`+strings.ReplaceAll(name, "-", "_")+`":[],"next_cursor":null}` {
			t.Errorf("%s = %s, want none", name, a.body)
		}
	}
}

func TestDocumentsHaveConditionalRequests(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	old := p.putIn(t, "products", "m", `{"name":"1"}`).header["Etag"]
	tag := p.putIn(t, "products", "m", `{"name":"2"}`, "If-Match: "+old).header["Etag"]
	for _, tt := range []struct {
		method, id, header string
		want               int
	}{
		{"PUT", "m", "If-Match: " + old, 412},
		{"PUT", "m", "If-Match: " + old + ", " + tag, 200},
		{"PUT", "m", "If-Match: *", 200},
		{"PUT", "m", "If-Match: W/" + tag, 412},
		{"PUT", "m", "If-Match: 2", 400},
		{"PUT", "m", "If-None-Match: *", 412},
		{"PUT", "m", "If-None-Match: " + tag, 412},
		{"PUT", "m", "If-None-Match: " + old, 200},
		{"PUT", "new", "If-Match: *", 412},
		{"PUT", "new", "If-Match: " + tag, 412},
		{"PUT", "new", "If-None-Match: *", 201},
		{"GET", "m", "If-None-Match: " + tag, 304},
		{"GET", "m", "If-None-Match: " + old, 200},
		{"GET", "m", "If-Match: " + old, 412},
		{"DELETE", "m", "If-Match: " + old, 412},
		{"DELETE", "none", "If-Match: *", 412},
		{"DELETE", "none", "If-Match: 2", 400},
		{"DELETE", "m", "If-Match: " + tag, 204},
	} {
		body := map[string]string{"PUT": `{"name":"2"}`}[tt.method]
		if a := p.do(t, tt.method, "/api/v1/products/"+tt.id, body, tt.header); a.status != tt.want {
			t.Errorf("%s %s with %s = %d %s, want %d", tt.method, tt.id, tt.header, a.status, a.body, tt.want)
		}
	}
}

// Each change is recorded with its author, and nothing else is.
func TestDocumentChangesAreAudited(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("ann:admin:s-ann,bob:admin:s-bob", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(list) })
	p.putIn(t, "products", "a", `{"name":"1"}`, "X-API-Key: s-ann")
	p.putIn(t, "products", "a", `{"name":"1"}`, "X-API-Key: s-bob")
	p.putIn(t, "products", "a", `{"name":1}`, "X-API-Key: s-bob")
	p.putIn(t, "products", "a", `{"name":"2"}`, "X-API-Key: s-bob")
	p.do(t, "DELETE", "/api/v1/products/a", "", "X-API-Key: s-ann")
	events, err := p.store.EventsAfter(t.Context(), factory.LogQuery{Kinds: []factory.EventKind{factory.EventAudit}, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	type audit struct {
		Kind, ID string
		From, To *struct{ Name string }
	}
	var got []string
	for _, e := range events {
		var a audit
		if err := json.Unmarshal(e.Data, &a); err != nil || a.Kind != "product" || a.ID != "a" || e.Subject != "product/a" || e.ObservedAt == 0 {
			t.Errorf("audit = %+v %s (%v)", e, e.Data, err)
		}
		name := func(of *struct{ Name string }) string {
			if of == nil {
				return "null"
			}
			return of.Name
		}
		got = append(got, e.By+": "+name(a.From)+" to "+name(a.To))
	}
	if want := "ann: null to 1, bob: 1 to 2, ann: 2 to null"; strings.Join(got, ", ") != want {
		t.Errorf("audits = %v, want %s", got, want)
	}
}

// Of many writers, each sees its own change, and none is lost.
func TestConcurrentDocumentChanges(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if a := p.putIn(t, "products", fmt.Sprint("own-", i), `{}`); a.status != 201 {
				t.Errorf("PUT of %d = %+v", i, a)
			}
			if a := p.putIn(t, "products", "shared", fmt.Sprintf(`{"name":"%d"}`, i)); a.status/100 != 2 || a.jsonObject(t)["name"] != fmt.Sprint(i) {
				t.Errorf("PUT of the shared one by %d = %+v", i, a)
			}
		})
	}
	wg.Wait()
	if a := p.get(t, "/api/v1/products/shared"); a.header["Etag"] != `"16"` {
		t.Errorf("the version after 16 changes is %s", a.header["Etag"])
	}
}

func TestDocumentWritesNeedAdmin(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("a:read:s-read,b:ingest:s-ingest,c:operate:s-operate,d:admin:s-admin", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startPlant(t, func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(list) })
	for name, example := range collectionExamples {
		if a := p.putIn(t, name, "m", example.one, "X-API-Key: s-admin"); a.status != 201 {
			t.Fatalf("PUT as admin = %+v", a)
		}
		for _, tt := range []struct {
			method, path string
			want         map[string]int
		}{
			{"GET", "", map[string]int{"read": 200, "ingest": 403, "operate": 200, "admin": 200}},
			{"GET", "/m", map[string]int{"read": 200, "ingest": 403, "operate": 200, "admin": 200}},
			{"PUT", "/m", map[string]int{"read": 403, "ingest": 403, "operate": 403, "admin": 200}},
			{"DELETE", "/m", map[string]int{"read": 403, "ingest": 403, "operate": 403, "admin": 204}},
		} {
			for _, role := range []string{"read", "ingest", "operate", "admin"} {
				body := map[string]string{"PUT": example.two}[tt.method]
				if a := p.do(t, tt.method, "/api/v1/"+name+tt.path, body, "X-API-Key: s-"+role); a.status != tt.want[role] {
					t.Errorf("%s %s%s as %s = %d, want %d", tt.method, name, tt.path, role, a.status, tt.want[role])
				}
			}
		}
	}
}

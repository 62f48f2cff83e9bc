package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

const accepted1 = `{"accepted":1,"rejected":0,"errors":[]}`

// postEvents posts events of machine m.
func (p *testServer) postEvents(t testing.TB, body string, headers ...string) response {
	t.Helper()
	return p.do(t, "POST", "/api/v1/machines/m/events", body, headers...)
}

func TestPostEvents(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for _, body := range []string{
		`{"id":"1","ts":1700000000000,"kind":"state","state":"running"}`,
		`[{"ts":"2023-11-14T22:13:21Z","kind":"count","good":3,"scrap":1,"product":"p"},{"kind":"note","text":"hello"},
		  {"ts":1700000000000,"kind":"product","product":"p"},{"ts":1700000000000,"kind":"reason","from":1700000000000,"to":1700000001000,"reason":"jam"}]`,
	} {
		if a := p.postEvents(t, body); a.status != 200 || !strings.HasPrefix(a.body, `{"accepted":`) || !strings.HasSuffix(a.body, `,"rejected":0,"errors":[]}`) {
			t.Errorf("POST %s = %d %s", body, a.status, a.body)
		}
	}
	lines := `{"kind":"state","state":"idle","ts":1700000002000}` + "\n" + `{"kind":"state","state":"fault","ts":1700000003000}` + "\n"
	if a := p.postEvents(t, lines, "Content-Type: application/x-ndjson"); a.body != `{"accepted":2,"rejected":0,"errors":[]}` {
		t.Errorf("NDJSON = %d %s", a.status, a.body)
	}
	if a := p.get(t, "/api/v1/machines/m"); a.status != 200 {
		t.Errorf("the machine is not registered: %d %s", a.status, a.body)
	}
	list := p.get(t, "/api/v1/events?machine=m").events(t)
	if len(list.Events) != 7 || list.LastSeq < 7 || list.Events[0].ID != "1" || list.Events[0].Kind != "state" || list.Events[0].TS != 1700000000000 ||
		list.Events[0].Received == 0 || list.Events[0].Data["state"] != "running" {
		t.Errorf("events = %+v", list)
	}
}

func TestPostEventsNamesTheFault(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for body, want := range map[string]string{
		`{}`:                                     "/kind: is missing; the kinds are state, count, reason, product, note",
		`{"kind":"stat"}`:                        `/kind: "stat" is none of state, count, reason, product, note`,
		`{"kind":"alarm"}`:                       `/kind: "alarm" is none of`,
		`{"kind":7}`:                             "/kind: must be a string",
		`{"kind":"state"}`:                       "/state: is missing",
		`{"kind":"state","state":"broken"}`:      `/state: "broken" is not a state`,
		`{"kind":"state","state":"idle","x":1}`:  "/x: is unknown",
		`{"kind":"state","state":"idle","by":1}`: "/by: is unknown",
		`{"kind":"state","state":"idle","state":"fault"}`:                                      "/state: appears more than once",
		`{"kind":"state","state":"idle","ts":1}`:                                               "/ts: time 1 is before 1971",
		`{"kind":"state","state":"idle","ts":1.5}`:                                             "/ts: must be an integer",
		`{"kind":"state","state":"idle","ts":"noon"}`:                                          "/ts: ",
		fmt.Sprintf(`{"kind":"state","state":"idle","ts":%d}`, time.Now().UnixMilli()+660_000): "/ts: time",
		`{"kind":"state","state":"idle","id":""}`:                                              "/id: id name is empty",
		`{"kind":"state","state":"idle","id":"a\u0000"}`:                                       "/id: id name",
		`{"kind":"count","good":NaN}`:                                                          "/good: NaN is not valid JSON",
		`{"kind":"count","good":-1}`:                                                           "/good: must not be negative",
		`{"kind":"reason","from":1700000001000,"to":1700000000000,"reason":"r"}`:               "/to: must be after from",
		`{"kind":"note","text":"` + strings.Repeat("x", 1<<20) + `"}`:                          "/text: has 1048576 bytes, more than 4096",
		`{"kind":"state","state":"idle","replaces":"nobody"}`:                                  "/replaces: ",
		`[{"kind":"state"},{"kind":"count","good":"1"},7]`:                                     "/0/state: is missing; /1/good: must be a number; /2: must be an object",
	} {
		a := p.postEvents(t, body)
		var got []string
		for _, e := range a.problem(t).Errors {
			got = append(got, e.Pointer+": "+e.Detail)
		}
		if text := strings.Join(got, "; "); a.status != 400 || !strings.HasPrefix(text, want) {
			t.Errorf("POST %.90s = %d %s, want 400 %s", body, a.status, text, want)
		}
	}
	for _, body := range []string{``, `7`, `[`, `{"kind"`, `{"kind":"note","text":"x"} x`} {
		if a := p.postEvents(t, body); a.status != 400 || !strings.Contains(a.body, "not valid JSON at line 1") {
			t.Errorf("POST %s = %d %s", body, a.status, a.body)
		}
	}
	if list := p.get(t, "/api/v1/events?machine=m").events(t); len(list.Events) != 0 {
		t.Errorf("stored %+v, want nothing", list)
	}
}

// What is valid in a list is stored, unless one key covers the list.
func TestPostEventsPartly(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	a := p.postEvents(t, `[{"kind":"state","state":"idle"},{"kind":"stat"},{"id":"1","kind":"state","state":"fault"}]`)
	if a.status != 200 || !strings.HasPrefix(a.body, `{"accepted":2,"rejected":1,"errors":[{"pointer":"/1/kind",`) {
		t.Errorf("partly = %d %s", a.status, a.body)
	}
	a = p.postEvents(t, `[{"id":"2","kind":"state","state":"idle"},{"id":"1","kind":"state","state":"running"}]`)
	if a.status != 200 || !strings.HasPrefix(a.body, `{"accepted":1,"rejected":1,"errors":[{"pointer":"/1/id",`) {
		t.Errorf("a conflict in a list = %d %s", a.status, a.body)
	}
	a = p.postEvents(t, `[{"id":"3","kind":"state","state":"idle"},{"id":"1","kind":"state","state":"running"}]`, "Idempotency-Key: k")
	if a.status != 409 {
		t.Errorf("a conflict under one key = %d %s, want 409", a.status, a.body)
	}
	for _, e := range p.get(t, "/api/v1/events").events(t).Events {
		if e.ID == "3" {
			t.Error("an event of a refused request is stored")
		}
	}
}

func TestPostEventsOnce(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	timed, untimed := `{"id":"a","ts":1700000000000,"kind":"count","good":1}`, `{"kind":"state","state":"idle"}`
	for range 3 { // the same again is the first one's answer
		for body, headers := range map[string][]string{
			timed: nil, ` { "good" : 1.0, "kind":"count","ts":"2023-11-14T22:13:20Z", "id":"a" } `: nil,
			untimed: {"Idempotency-Key: k"},
		} {
			if a := p.postEvents(t, body, headers...); a.status != 200 || a.body != accepted1 {
				t.Errorf("POST %s %v = %d %s", body, headers, a.status, a.body)
			}
		}
		list := `[{"kind":"note","text":"a"},{"kind":"note","text":"b"}]`
		if a := p.postEvents(t, list, "Idempotency-Key: list"); a.body != `{"accepted":2,"rejected":0,"errors":[]}` {
			t.Errorf("a list = %d %s", a.status, a.body)
		}
	}
	if list := p.get(t, "/api/v1/events?machine=m").events(t); len(list.Events) != 4 {
		t.Errorf("%d events, want 4", len(list.Events))
	}
	for body, key := range map[string]string{
		`{"id":"a","ts":1700000000000,"kind":"count","good":2}`:                              "",
		`{"id":"a","ts":1700000000001,"kind":"count","good":1}`:                              "",
		`{"id":"a","ts":1700000000000,"kind":"state","state":"idle"}`:                        "",
		`{"kind":"state","state":"fault"}`:                                                   "k",
		`{"kind":"note","text":"a"}`:                                                         "list",
		`[{"kind":"note","text":"a"},{"kind":"note","text":"c"}]`:                            "list",
		`[{"kind":"note","text":"a"},{"kind":"note","text":"b"},{"kind":"note","text":"c"}]`: "list",
		`[{"kind":"note","text":"x"},{"kind":"note","text":"b"}]`:                            "list",
	} {
		var headers []string
		if key != "" {
			headers = []string{"Idempotency-Key: " + key}
		}
		if a := p.postEvents(t, body, headers...); a.status != 409 || len(a.problem(t).Errors) != 1 {
			t.Errorf("POST %s under %q = %d %s, want 409", body, key, a.status, a.body)
		}
	}
}

func TestPostEventsReplaces(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	if _, err := p.store.Write(t.Context(), factory.JournalBatch{Events: []factory.Event{{Machine: "m", Kind: factory.EventAlarm, ID: "alarm", Data: []byte("{}")}}}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		body   string
		status int
	}{
		{`{"id":"a","ts":1700000000000,"kind":"state","state":"idle"}`, 200},
		{`{"id":"b","ts":1700000000000,"kind":"state","state":"fault","replaces":"a"}`, 200},
		{`{"id":"b","ts":1700000000000,"kind":"state","state":"fault","replaces":"a"}`, 200},
		{`{"id":"c","ts":1700000000000,"kind":"state","state":"setup","replaces":"a"}`, 409},
		{`{"id":"c","ts":1700000000000,"kind":"note","text":"n","replaces":"b"}`, 200},
		{`{"ts":1700000000000,"kind":"note","text":"n","replaces":"alarm"}`, 400},
	} {
		if a := p.postEvents(t, step.body); a.status != step.status {
			t.Errorf("POST %s = %d %s, want %d", step.body, a.status, a.body, step.status)
		}
	}
}

func TestPostEventsRoles(t *testing.T) {
	t.Parallel()
	keys, err := access.Parse("r:read:rrrrrrrrrrrrrrrr,i:ingest:iiiiiiiiiiiiiiii,o:operate:oooooooooooooooo,a:admin:aaaaaaaaaaaaaaaa", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(keys) })
	for key, want := range map[string]int{"r": 403, "i": 200, "o": 200, "a": 200, "x": 401} {
		a := p.postEvents(t, `{"kind":"note","text":"n"}`, "X-API-Key: "+strings.Repeat(key, 16))
		if a.status != want {
			t.Errorf("key %s = %d %s, want %d", key, a.status, a.body, want)
		}
	}
	a := p.get(t, "/api/v1/events", "X-API-Key: rrrrrrrrrrrrrrrr")
	for _, name := range []string{`"by":"i"`, `"by":"o"`, `"by":"a"`} {
		if !strings.Contains(a.body, name) {
			t.Errorf("events = %s, want %s", a.body, name)
		}
	}
}

func TestPostEventsOfAnUnknownMachine(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) {
		o.Store, o.AutoRegister = memory.New(memory.Options{}), false
	})
	if a := p.postEvents(t, `{"kind":"note","text":"n"}`); a.status != 404 {
		t.Errorf("without AUTO_REGISTER = %d %s, want 404", a.status, a.body)
	}
}

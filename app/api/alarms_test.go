package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
)

// waitAlarms waits until a list of alarms has n entries, and returns it.
func (p *testServer) waitAlarms(t *testing.T, query string, n int, head ...string) []map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	for {
		seq, err := p.store.LastSeq(ctx)
		if err != nil {
			t.Fatal(err)
		}
		a := p.get(t, "/api/v1/alarms"+query, head...)
		var page struct{ Alarms []map[string]any }
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != 200 {
			t.Fatalf("GET /api/v1/alarms%s = %d %s", query, a.status, a.body)
		}
		if len(page.Alarms) == n {
			return page.Alarms
		}
		if err := p.store.WaitEvents(ctx, seq); err != nil {
			t.Fatalf("%d alarms for %s, want %d: %v", len(page.Alarms), query, n, err)
		}
	}
}

func startAlarms(t *testing.T) *testServer {
	t.Helper()
	p := startServer(t, func(o *api.Options, _ *testServer) {
		keys, err := access.Parse("ann:operate:s-ann,cell:ingest:s-cell,boss:admin:s-boss,eye:read:s-eye", 1)
		if err != nil {
			t.Fatal(err)
		}
		o.Keys = access.NewKeys(keys)
	})
	return p
}

const boss, ann = "X-API-Key: s-boss", "X-API-Key: s-ann"

// send posts readings of the metric temp of a machine: pairs of a time and a value.
func (p *testServer) sendTemperatures(t *testing.T, machine string, pairs ...float64) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		body := fmt.Sprintf(`{"machine":%q,"ts":%d,"values":{"temp":%g}}`, machine, 1_700_000_000_000+int64(pairs[i]*1000), pairs[i+1])
		if a := p.do(t, "POST", "/api/v1/telemetry", body, boss); a.status != 200 {
			t.Fatalf("telemetry = %d %s", a.status, a.body)
		}
	}
}

func TestAlarmFromActivationToNormal(t *testing.T) {
	t.Parallel()
	p := startAlarms(t)
	p.sendTemperatures(t, "press", 0, 20)
	rule := `{"name":"Too hot","machine":"press","metric":"temp","when":{"op":">","limit":80,"deadband":2},"severity":"high","response":"Stop it"}`
	if a := p.do(t, "PUT", "/api/v1/alarm-rules/hot", rule, boss); a.status != 201 {
		t.Fatalf("PUT = %d %s", a.status, a.body)
	}
	p.sendTemperatures(t, "press", 1, 85)
	open := p.waitAlarms(t, "", 1, ann)[0]
	for member, want := range map[string]any{
		"rule": "hot", "name": "Too hot", "machine": "press", "metric": "temp", "severity": "high", "state": "active_unacked",
		"raised_at": 1_700_000_001_000.0, "value": 85.0, "limit": 80.0, "response": "Stop it", "acked_at": nil,
	} {
		if open[member] != want {
			t.Errorf("%s = %v, want %v", member, open[member], want)
		}
	}
	id := open["id"].(string)
	act := func(action, body string) response {
		t.Helper()
		return p.do(t, "POST", "/api/v1/alarms/"+id+"/"+action, body, ann)
	}
	if a := act("reset", ""); a.status != 409 || !strings.Contains(a.body, "active_unacked") {
		t.Errorf("reset = %d %s, want 409 with the state", a.status, a.body)
	}
	if a := act("ack", `{"if_seq":999999}`); a.status != 409 {
		t.Errorf("ack of another seq = %d %s, want 409", a.status, a.body)
	}
	for range 2 {
		if a := act("ack", `{"note":"seen"}`); a.status != 200 || a.jsonObject(t)["state"] != "active_acked" || a.jsonObject(t)["acked_by"] != "ann" {
			t.Errorf("ack = %d %s", a.status, a.body)
		}
	}
	p.sendTemperatures(t, "press", 2, 79, 3, 78)
	if past := p.waitAlarms(t, "?state=normal", 1, ann)[0]; past["id"] != id {
		t.Errorf("the past alarm is %v", past)
	}
	if a := act("ack", ""); a.status != 200 {
		t.Errorf("ack once more = %d %s", a.status, a.body)
	}
	detail := p.get(t, "/api/v1/alarms/"+id, ann).jsonObject(t)
	var steps []string
	for _, s := range detail["transitions"].([]any) {
		step := s.(map[string]any)
		steps = append(steps, fmt.Sprint(step["change"], " ", step["to"], " ", step["by"]))
	}
	if got := strings.Join(steps, ", "); got != "raised active_unacked , acked active_acked ann, returned normal " {
		t.Errorf("transitions: %s", got)
	}
	if a := p.get(t, "/api/v1/alarms/performance?from=2023-11-14", ann); a.status != 200 || a.jsonObject(t)["alarms"] != 1.0 {
		t.Errorf("performance = %d %s", a.status, a.body)
	}
}

func TestShelvedAlarmsAreHidden(t *testing.T) {
	t.Parallel()
	p := startAlarms(t)
	p.sendTemperatures(t, "press", 0, 90)
	p.do(t, "PUT", "/api/v1/alarm-rules/hot", `{"machine":"press","metric":"temp","when":{"op":">","limit":80}}`, boss)
	id := p.waitAlarms(t, "?state=open", 1, ann)[0]["id"].(string)
	path := "/api/v1/alarms/" + id
	year := time.Now().Add(365 * 24 * time.Hour).UnixMilli()
	for body, status := range map[string]int{
		fmt.Sprintf(`{"until":%d}`, year): 422, `{"until":1}`: 422, `{"until":1600000000000}`: 422, `{"until":"soon"}`: 400, `{"util":1}`: 400, `{"note":5}`: 400,
	} {
		a := p.do(t, "POST", path+"/shelve", body, ann)
		if a.status != status || !strings.Contains(a.body, `"pointer":"/`) {
			t.Errorf("shelve %s = %d %s, want %d with a pointer", body, a.status, a.body, status)
		}
	}
	soon := time.Now().Add(time.Hour).UnixMilli()
	a := p.do(t, "POST", path+"/shelve", fmt.Sprintf(`{"until":%d,"reason":"test"}`, soon), ann)
	if e := a.jsonObject(t); a.status != 200 || e["hidden"] != "shelved" || e["shelved_until"] != float64(soon) || e["state"] != "active_unacked" {
		t.Errorf("shelve = %d %s", a.status, a.body)
	}
	p.waitAlarms(t, "?state=open", 0, ann)
	p.waitAlarms(t, "?state=shelved", 1, ann)
	if e := p.do(t, "POST", path+"/unshelve", "", ann).jsonObject(t); e["hidden"] != nil || e["state"] != "active_acked" {
		t.Errorf("unshelve = %v", e)
	}
	answer := p.do(t, "POST", "/api/v1/alarms/out_of_service", `{"ids":["`+id+`","unknown"],"reason":"sensor"}`, ann).jsonObject(t)
	if len(answer["alarms"].([]any)) != 1 || len(answer["errors"].([]any)) != 1 {
		t.Errorf("out_of_service of two = %v", answer)
	}
	for path, status := range map[string]int{path + "/explode": 404, "/api/v1/alarms/unknown/ack": 404, "/api/v1/alarms/ack": 400} {
		if a := p.do(t, "POST", path, "", ann); a.status != status {
			t.Errorf("POST %s = %d %s, want %d", path, a.status, a.body, status)
		}
	}
	for _, key := range []string{"X-API-Key: s-cell", "X-API-Key: s-eye"} {
		if a := p.do(t, "POST", path+"/ack", "", key); a.status != 403 {
			t.Errorf("ack with %s = %d, want 403", key, a.status)
		}
	}
}

func TestAlarmsOfManyMachinesInPages(t *testing.T) {
	t.Parallel()
	p := startAlarms(t)
	for i := range 30 {
		p.sendTemperatures(t, fmt.Sprintf("press-%02d", i), float64(i), 90)
	}
	p.do(t, "PUT", "/api/v1/alarm-rules/hot", `{"scope":{},"metric":"temp","when":{"op":">","limit":80}}`, boss)
	p.waitAlarms(t, "", 30, ann)
	seen, cursor := map[string]bool{}, ""
	for range 4 {
		e := p.get(t, "/api/v1/alarms?limit=8"+cursor, ann).jsonObject(t)
		for _, a := range e["alarms"].([]any) {
			seen[a.(map[string]any)["machine"].(string)] = true
		}
		if next, ok := e["next_cursor"].(string); ok {
			cursor = "&cursor=" + next
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d alarms in four pages, want 30", len(seen))
	}
	p.waitAlarms(t, "?machine=press-07", 1, ann)
	p.waitAlarms(t, "?severity=urgent", 0, ann)
	p.waitAlarms(t, "?from=1700000020000", 10, ann)
	for _, query := range []string{"?state=broken", "?severity=bad", "?cursor=x", "?limit=0", "?from=x", "?foo=1"} {
		if a := p.get(t, "/api/v1/alarms"+query, ann); a.status != 400 {
			t.Errorf("GET /api/v1/alarms%s = %d, want 400", query, a.status)
		}
	}
}

package api_test

import (
	"strings"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

// Every way in counts new series for its key, and one key leaves room for others.
func TestSeriesLimitPerKey(t *testing.T) {
	t.Parallel()
	keys, err := access.Parse("greedy:ingest:greedy-secret,modest:ingest:modest-secret,boss:admin:boss-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, func(o *api.Options, p *testServer) {
		p.store = memory.New(memory.Options{AutoRegister: true, MaxSeries: 20, MaxSeriesPerSender: 2})
		o.Store, o.Keys = p.store, access.NewKeys(keys)
	})
	const greedy, limit = "Authorization: Bearer greedy-secret", "MAX_SERIES_PER_KEY"
	if r := p.post(t, `{"machine":"m","values":{"a":1,"b":2}}`, greedy); r.status != 200 {
		t.Fatalf("first series = %d %s", r.status, r.body)
	}
	for name, r := range map[string]response{
		"JSON":                p.post(t, `{"machine":"m","values":{"c":1}}`, greedy),
		"line protocol":       p.writeLines(t, "m,host=h f=1", greedy),
		"ThingsBoard device":  p.do(t, "POST", "/api/v1/greedy-secret/telemetry", `{"c":1}`),
		"ThingsBoard gateway": p.do(t, "POST", "/api/v1/greedy-secret/gateway/telemetry", `{"g":[{"ts":1700000000000,"values":{"c":1}}]}`),
	} {
		if r.status != 400 || !strings.Contains(r.body, limit) {
			t.Errorf("%s past the limit = %d %s, want 400 that names %s", name, r.status, r.body, limit)
		}
	}
	message := p.api.Ingest(factory.WithSender(t.Context(), "greedy"), []byte(`{"machine":"m","values":{"c":1}}`))
	if message.Err == nil || !strings.Contains(string(message.Errors), limit) {
		t.Errorf("message past the limit = %+v, want an error that names %s", message, limit)
	}
	if r := p.post(t, `{"machine":"m","values":{"a":3}}`, greedy); r.status != 200 {
		t.Errorf("known series = %d %s, want 200", r.status, r.body)
	}
	if r := p.post(t, `{"machine":"n","values":{"a":1}}`, "Authorization: Bearer modest-secret"); r.status != 200 {
		t.Errorf("another key = %d %s, want 200", r.status, r.body)
	}
	if r := p.do(t, "DELETE", "/api/v1/machines/m?purge=true", "", "Authorization: Bearer boss-secret"); r.status != 204 {
		t.Fatalf("purge = %d %s", r.status, r.body)
	}
	if r := p.post(t, `{"machine":"k","values":{"a":1}}`, greedy); r.status != 200 {
		t.Errorf("new series after the purge = %d %s, want 200", r.status, r.body)
	}
}

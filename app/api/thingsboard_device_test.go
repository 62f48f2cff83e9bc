package api_test

import (
	"strings"
	"testing"

	"smart-factory-backend/app/api"
)

func TestThingsBoardAttributes(t *testing.T) {
	t.Parallel()
	p := startServer(t, withKeys(t))
	const device = "/api/v1/edge-secret"
	if a := p.do(t, "POST", device+"/telemetry", `{"ts":1700000000000,"values":{"temp":20}}`); a.status != 200 {
		t.Fatalf("telemetry = %+v", a)
	}
	if a := p.do(t, "GET", device+"/attributes", ""); a.status != 200 || a.body != "{}" {
		t.Errorf("attributes of a new device = %+v, want {}", a)
	}
	if a := p.do(t, "POST", device+"/attributes", `{firmware:'1.2.3',"temp":99,"on":true,"site":{"x":1},"gone":null}`); a.status != 200 || a.body != "" {
		t.Errorf("POST attributes = %+v, want an empty 200", a)
	}
	for query, want := range map[string]string{
		"":                                   `{"client":{"firmware":"1.2.3","on":1,"site":"{\"x\":1}","temp":99}}`,
		"?clientKeys=temp,none":              `{"client":{"temp":99}}`,
		"?clientKeys=none":                   `{}`,
		"?sharedKeys=firmware":               `{}`,
		"?clientKeys=firmware&sharedKeys=on": `{"client":{"firmware":"1.2.3"}}`,
	} {
		if a := p.do(t, "GET", device+"/attributes"+query, ""); a.status != 200 || a.body != want {
			t.Errorf("GET attributes%s = %+v, want %s", query, a, want)
		}
	}
	latest := p.do(t, "GET", "/api/v1/latest?machine=edge", "", "Authorization: Bearer read-secret").body
	for _, want := range []string{
		`"metric":"firmware{scope=\"client\"}","unit":"","ts":`, `"text":"1.2.3"`, `"metric":"temp","unit":"","ts":1700000000000,"value":20`, `"value":99`,
	} {
		if !strings.Contains(latest, want) {
			t.Errorf("latest = %s, want %s", latest, want)
		}
	}
	a := p.do(t, "POST", device+"/attributes", `{"bad":1e999,"good":1}`)
	if got := a.problem(t); a.status != 400 || len(got.Errors) != 1 || got.Errors[0].Pointer != "/bad" {
		t.Errorf("an invalid attribute = %+v, want 400 with /bad", a)
	}
	a = p.do(t, "POST", device+"/attributes", `{"a\u0001":1}`)
	if got := a.problem(t); a.status != 400 || len(got.Errors) != 1 || got.Errors[0].Pointer != "/a\x01" {
		t.Errorf("an invalid key = %+v, want 400 with its pointer", a)
	}
	for _, body := range []string{`[{"a":1}]`, `1`, ``} {
		if a := p.do(t, "POST", device+"/attributes", body); a.status != 400 {
			t.Errorf("attributes %q = %+v, want 400", body, a)
		}
	}
	if a := p.do(t, "GET", "/api/v1/wrong/attributes", ""); a.status != 401 {
		t.Errorf("a wrong token = %d, want 401", a.status)
	}
}

func TestThingsBoardGatewayDevices(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	const gateway = "/api/v1/any/gateway/"
	for _, tt := range []struct {
		path, body string
		status     int
		detail     string
	}{
		{"connect", `{"device":"Device A","type":"press"}`, 200, ""},
		{"connect", `{device:'Device A'}`, 200, ""},
		{"disconnect", `{"device":"Device A"}`, 200, ""},
		{"connect", `{"type":"press"}`, 400, "/device"},
		{"connect", `{"device":5}`, 400, "/device"},
		{"connect", `{"device":" x"}`, 400, "starts or ends with a space"},
		{"disconnect", `"Device A"`, 400, "expected an object"},
		{"disconnect", `{"device":""}`, 400, "is empty"},
		{"attributes", `{"Device A":{"model":"X1"},"Device B":{"axes":3}}`, 200, ""},
		{"attributes", `{"Device A":[1]}`, 400, "/Device A"},
	} {
		if a := p.do(t, "POST", gateway+tt.path, tt.body); a.status != tt.status || !strings.Contains(a.body, tt.detail) {
			t.Errorf("POST %s %s = %+v, want %d with %q", tt.path, tt.body, a, tt.status, tt.detail)
		}
	}
	if a := p.do(t, "GET", "/api/v1/machines", ""); !strings.Contains(a.body, `"Device A"`) || !strings.Contains(a.body, `"Device B"`) {
		t.Errorf("machines = %+v, want Device A and Device B", a)
	}
	if got := p.do(t, "GET", "/api/v1/latest?machine=Device%20A", "").body; !strings.Contains(got, `"text":"X1"`) {
		t.Errorf("latest = %s, want the model", got)
	}
	strict := startServer(t, func(o *api.Options, _ *testServer) { o.AutoRegister = false })
	if a := strict.do(t, "POST", gateway+"connect", `{"device":"D"}`); a.status != 400 || !strings.Contains(a.body, "AUTO_REGISTER") {
		t.Errorf("connect without AUTO_REGISTER = %+v, want 400", a)
	}
}

// A device that sends texts alone exists.
func TestThingsBoardOnlyTexts(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	if a := p.do(t, "POST", "/api/v1/plc-7/telemetry", `{"state":"RUNNING"}`); a.status != 200 {
		t.Fatalf("telemetry = %+v", a)
	}
	if a := p.do(t, "GET", "/api/v1/machines/plc-7", ""); a.status != 200 {
		t.Errorf("GET machine = %+v, want 200", a)
	}
	if got := p.do(t, "GET", "/api/v1/latest?machine=plc-7", "").body; !strings.Contains(got, `"text":"RUNNING"`) {
		t.Errorf("latest = %s, want the text", got)
	}
}

func TestThingsBoardWaits(t *testing.T) {
	t.Parallel()
	p := startServer(t, withKeys(t))
	for _, path := range []string{"rpc", "attributes/updates"} {
		if a := p.do(t, "GET", "/api/v1/edge-secret/"+path+"?timeout=1", ""); a.status != 408 || a.body != "" {
			t.Errorf("GET %s = %+v, want an empty 408", path, a)
		}
		for _, timeout := range []string{"-1", "x", "1.5"} {
			if a := p.do(t, "GET", "/api/v1/edge-secret/"+path+"?timeout="+timeout, ""); a.status != 400 {
				t.Errorf("GET %s?timeout=%s = %+v, want 400", path, timeout, a)
			}
		}
		if a := p.do(t, "GET", "/api/v1/wrong/"+path+"?timeout=1", ""); a.status != 401 {
			t.Errorf("GET %s with a wrong token = %d, want 401", path, a.status)
		}
	}
}

func TestThingsBoardRefusals(t *testing.T) {
	t.Parallel()
	p := startServer(t, withKeys(t))
	for path, want := range map[string]struct {
		status int
		detail string
	}{
		"/api/v1/provision":         {403, "does not provision devices; give each device the secret of an API key"},
		"/api/v1/edge-secret/claim": {403, "each device has an API key"},
		"/api/v1/edge-secret/rpc":   {403, "does not run methods"},
		"/api/v1/edge-secret/rpc/1": {404, `there is no command \"1\"`},
	} {
		if a := p.do(t, "POST", path, `{}`); a.status != want.status || !strings.Contains(a.body, want.detail) {
			t.Errorf("POST %s = %+v, want %d with %q", path, a, want.status, want.detail)
		}
	}
}

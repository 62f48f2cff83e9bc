package api_test

import (
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
)

func TestThingsBoardDevice(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body, want string
	}{
		"with a time":                  {`{"ts":1700000000000,"values":{"temperature":21.5,"humidity":40}}`, "press-1/humidity@1700000000000=40 press-1/temperature@1700000000000=21.5"},
		"an array":                     {`[{"ts":1700000000000,"values":{"a":1}},{"values":{"b":2},"ts":1700000000001}]`, "press-1/a@1700000000000=1 press-1/b@1700000000001=2"},
		"an empty array":               {`[]`, ""},
		"example of the documentation": {`{"ts":1700000000000,"values":{"stringKey":"value1","booleanKey":true,"doubleKey":42.5,"longKey":73,"jsonKey":{"someNumber":42,"someArray":[1,2,3]}}}`, "press-1/booleanKey@1700000000000=1 press-1/doubleKey@1700000000000=42.5 press-1/jsonKey@1700000000000=\"{\\\"someNumber\\\":42,\\\"someArray\\\":[1,2,3]}\" press-1/longKey@1700000000000=73 press-1/stringKey@1700000000000=\"value1\""},
		"string that spells a number":  {`{"ts":1700000000000,"values":{"a":"21.5","b":"-1e3","c":"","d":"007","e":"21,5"}}`, `press-1/a@1700000000000=21.5 press-1/b@1700000000000=-1000 press-1/c@1700000000000="" press-1/d@1700000000000="007" press-1/e@1700000000000="21,5"`},
		"false is 0":                   {`{"ts":1700000000000,"values":{"a":false}}`, "press-1/a@1700000000000=0"},
		"only strings":                 {`{"ts":1700000000000,"values":{"a":"x"}}`, `press-1/a@1700000000000="x"`},
		"other members beside ts":      {`{"ts":1700000000000,"values":{"a":1},"deviceName":"x"}`, "press-1/a@1700000000000=1"},
		"ISO 8601 time":                {`{"ts":"2023-11-14T22:13:20Z","values":{"a":1}}`, "press-1/a@1700000000000=1"},
		"lenient JSON":                 {"{ts:1700000000000, values:{temperature:25, 'state':RUNNING; on:TRUE, off:False, gone:null, n:.5, \"m\":007, v:1.2.3}} // sent by hand", `press-1/m@1700000000000=7 press-1/n@1700000000000=0.5 press-1/off@1700000000000=0 press-1/on@1700000000000=1 press-1/state@1700000000000="RUNNING" press-1/temperature@1700000000000=25 press-1/v@1700000000000="1.2.3"`},
		"null is nothing":              {`{"ts":1700000000000,"values":{"a":null,"b":1}}`, "press-1/b@1700000000000=1"},
		"a time with an exponent":      {`{"ts":1.7e12,"values":{"a":1}}`, "press-1/a@1700000000000=1"},
		"a time with a fraction":       {`{"ts":1700000000000.9,"values":{"a":1}}`, "press-1/a@1700000000000=1"},
		"a time as text":               {`{"ts":"1700000000000","values":{"a":1}}`, "press-1/a@1700000000000=1"},
		"text beside a number":         {`{"ts":1700000000000,"values":{"state":"RUNNING","temp":20}}`, `press-1/state@1700000000000="RUNNING" press-1/temp@1700000000000=20`},
		"a byte order mark":            {"\xef\xbb\xbf" + `{"ts":1700000000000,"values":{"a":1}}`, "press-1/a@1700000000000=1"},
		"white space":                  {" [ { \"ts\" : 1700000000000 , \"values\" : { \"a\" : 1 } } ] \n", "press-1/a@1700000000000=1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startServer(t, nil)
			if a := p.do(t, "POST", "/api/v1/press-1/telemetry", tt.body); a.status != 200 || a.body != "" {
				t.Fatalf("POST = %+v, want an empty 200", a)
			}
			if got := p.storedReadings(t); got != tt.want {
				t.Errorf("stored %s, want %s", got, tt.want)
			}
		})
	}
}

func TestThingsBoardWithoutATime(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	before := time.Now().UnixMilli()
	if a := p.do(t, "POST", "/api/v1/press-1/telemetry", `{"temperature":21.5,"ts":5}`); a.status != 200 {
		t.Fatalf("POST = %+v", a)
	}
	page, err := p.store.Latest(t.Context(), factory.LatestQuery{Limit: 10})
	if err != nil || len(page.Readings) != 2 || page.Readings[0].ObservedAt < before {
		t.Errorf("stored %+v, %v, want temperature and ts at the present", page.Readings, err)
	}
}

func TestThingsBoardGateway(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	a := p.do(t, "POST", "/api/v1/any/gateway/telemetry", `{"Device A":[{"ts":1700000000000,"values":{"a":1}},{"ts":1700000000001,"values":{"a":2}}],"Device B":[{"ts":1700000000000,"values":{"b":true}}],"Device C":[]}`)
	if a.status != 200 || a.body != "" {
		t.Fatalf("POST = %+v", a)
	}
	if got := p.storedReadings(t); got != "Device A/a@1700000000001=2 Device B/b@1700000000000=1" {
		t.Errorf("stored %s", got)
	}
}

// Invalid values are listed, and the others are stored.
func TestThingsBoardInvalidValues(t *testing.T) {
	t.Parallel()
	const device, gateway = "/api/v1/m/telemetry", "/api/v1/m/gateway/telemetry"
	tests := map[string]struct {
		path, body string
		want       []string // pointer: beginning of the detail
		stored     string
	}{
		"invalid values":                {device, `{"ts":1700000000000,"values":{"a":null,"b":1,"c":NaN,"d":1e999}}`, []string{"/values/c: NaN is not a finite number", "/values/d: is outside the range"}, "m/b@1700000000000=1"},
		"an attribute as telemetry":     {device, `{"ts":1700000000000,"values":{"b":1,"a{scope=\"client\"}":2}}`, []string{`/values/a{scope="client"}: ends with {scope="client"}`}, "m/b@1700000000000=1"},
		"repeated metric":               {device, `[{"ts":1700000000000,"values":{"a":1,"a":2,"b":1}}]`, []string{"/0/values/a: appears more than once", "/0/values/a: appears"}, "m/b@1700000000000=1"},
		"invalid ts":                    {device, `[{"ts":true,"values":{"a":1}},{"ts":1e300,"values":{"a":1}},{"ts":1700000000000,"values":{"b":1}}]`, []string{"/0/ts: must be a number of Unix milliseconds", "/1/ts: must be"}, "m/b@1700000000000=1"},
		"values that are not an object": {device, `{"ts":1700000000000,"values":[1]}`, []string{"/values: must be an object"}, ""},
		"repeated member":               {device, `{"ts":1700000000000,"ts":1700000000001,"values":{"a":1}}`, []string{"/ts: appears more than once"}, ""},
		"element that is not an object": {device, `[1,{"ts":1700000000000,"values":{"b":1}}]`, []string{"/0: expected an object"}, "m/b@1700000000000=1"},
		"too far ahead":                 {device, `{"ts":9700000000000,"values":{"a":1}}`, []string{"/ts: time 9700000000000 is more than"}, ""},
		"a plain value":                 {device, `{"a":Infinity}`, []string{"/a: Infinity is not a finite number"}, ""},
		"repeated machine":              {gateway, `{"A":[{"ts":1700000000000,"values":{"a":1}}],"A":[{"ts":1700000000000,"values":{"a":2}}]}`, []string{"/A: appears more than once"}, "A/a@1700000000000=1"},
		"a machine without a name":      {gateway, `{"":[{"a":1}],"B/1":[{"ts":1700000000000,"values":{"b":1,"c":1e999}}]}`, []string{": the name of a machine is empty", "/B~11/0/values/c: is outside"}, "B/1/b@1700000000000=1"},
		"a machine with a number":       {gateway, `{"A":1,"B":{"ts":1700000000000,"values":{"b":1}}}`, []string{"/A: expected an object or an array"}, "B/b@1700000000000=1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startServer(t, nil)
			a := p.do(t, "POST", tt.path, tt.body)
			got := a.problem(t)
			if a.status != 400 || len(got.Errors) != len(tt.want) || got.Rejected != len(tt.want) {
				t.Fatalf("POST = %d %s, want 400 with %d errors", a.status, a.body, len(tt.want))
			}
			for i, want := range tt.want {
				if text := got.Errors[i].Pointer + ": " + got.Errors[i].Detail; !strings.HasPrefix(text, want) {
					t.Errorf("error %d = %q, want %q…", i, text, want)
				}
			}
			if got := p.storedReadings(t); got != tt.stored {
				t.Errorf("stored %s, want %s", got, tt.stored)
			}
		})
	}
}

func TestThingsBoardInvalidBodies(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for _, tt := range []struct {
		path, body string
		status     int
		detail     string
	}{
		{"/api/v1/m/telemetry", ``, 400, "line 1, column 1"},
		{"/api/v1/m/telemetry", `temperature=1`, 400, "expected an object"},
		{"/api/v1/m/telemetry", `{"a":1`, 400, "line 1, column 7"},
		{"/api/v1/m/telemetry", `{a:1`, 400, "line 1, column 5: expected , or }"},
		{"/api/v1/m/telemetry", `{"a":1}{"a":2}`, 400, "unexpected data after"},
		{"/api/v1/m/telemetry", `[{"a":1},]`, 400, "expected a value"},
		{"/api/v1/m/telemetry", `{"a":` + strings.Repeat("[", 1000), 400, "nested deeper"},
		{"/api/v1/m/telemetry", `[` + strings.Repeat(`{"a":1},`, 50_000) + `{"a":1}]`, 413, "more than 50000 points"},
		{"/api/v1/m/telemetry", `[` + strings.Repeat(`{},`, 60_000) + `{}]`, 413, "more than 50000 points"},
		{"/api/v1/m/gateway/telemetry", `[{"a":1}]`, 400, "expected an object with a member for each machine"},
		{"/api/v1/m/gateway/telemetry", `{"A":[{"a":1}]`, 400, "expected , or }"},
	} {
		a := p.do(t, "POST", tt.path, tt.body)
		if got := a.problem(t); a.status != tt.status || !strings.Contains(got.Detail, tt.detail) {
			t.Errorf("POST %.40s = %d %q, want %d with %q", tt.body, a.status, got.Detail, tt.status, tt.detail)
		}
	}
	if got := p.storedReadings(t); got != "" {
		t.Errorf("stored %s", got)
	}
}

func TestThingsBoardTokens(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("press-1:ingest:a/secret,screen:read:read-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(list) })
	for path, want := range map[string]int{
		"/api/v1/a%2Fsecret/telemetry":         200,
		"/api/v1/a%2Fsecret/gateway/telemetry": 200,
		"/api/v1/wrong/telemetry":              401,
		"/api/v1/read-secret/telemetry":        403,
		"/api/v1/%zz/telemetry":                400,
		"/api/v1//telemetry":                   400, // the path of POST /api/v1/telemetry with a doubled slash
		"/api/v1/machines/telemetry":           405,
	} {
		a := p.do(t, "POST", path, `{"ts":1700000000000,"values":{}}`, "X-API-Key: a/secret")
		if path == "/api/v1/a%2Fsecret/gateway/telemetry" {
			a = p.do(t, "POST", path, `{}`)
		}
		if a.status != want || strings.Contains(a.body, "secret") {
			t.Errorf("POST %s = %d %s, want %d", path, a.status, a.body, want)
		}
	}
	p.do(t, "POST", "/api/v1/a%2Fsecret/telemetry", `{"ts":1700000000000,"values":{"a":1}}`)
	if got := p.storedReadings(t); got != "press-1/a@1700000000000=1" {
		t.Errorf("stored %s, want the key's name as the machine", got)
	}
}

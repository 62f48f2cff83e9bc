package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
)

// withKeys adds the keys of a sender, a screen and an administrator.
func withKeys(t testing.TB) func(*api.Options, *testServer) {
	t.Helper()
	list, err := access.Parse("edge:ingest:edge-secret,screen:read:read-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(list) }
}

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// influxV1Error returns the message of an error in the form of InfluxDB 1.
func (a response) influxV1Error(t testing.TB) string {
	t.Helper()
	var body struct{ Error string }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Error == "" || a.header["X-Influxdb-Version"] == "" {
		t.Errorf("response = %+v, want an error of InfluxDB 1 (%v)", a, err)
	}
	return body.Error
}

func TestInfluxV1Credentials(t *testing.T) {
	t.Parallel()
	p := startServer(t, withKeys(t))
	const line = "m,host=h f=1 1700000000000000000"
	for _, tt := range []struct {
		name, query, header string
		want                int
	}{
		{"Basic", "", basic("any", "edge-secret"), 204},
		{"Basic without a user", "", basic("", "edge-secret"), 204},
		{"Basic with a colon in the user's place only", "", basic("edge-secret", ""), 401},
		{"Basic that is not base64", "", "Authorization: Basic edge-secret", 401},
		{"u and p", "&u=any&p=edge-secret", "", 204},
		{"p alone", "&p=edge-secret", "", 204},
		{"a wrong p", "&u=any&p=nope", "", 401},
		{"u alone", "&u=edge-secret", "", 401},
		{"a header before p", "&p=edge-secret", basic("any", "nope"), 401},
		{"Token user:password", "", "Authorization: Token any:edge-secret", 204},
		{"Token", "", "Authorization: Token edge-secret", 204},
		{"nothing", "", "", 401},
		{"a key that may only read", "&p=read-secret", "", 403},
	} {
		headers := []string{"X-Test: 1"}
		if tt.header != "" {
			headers = append(headers, tt.header)
		}
		a := p.do(t, "POST", "/write?db=factory"+tt.query, line, headers...)
		if a.status != tt.want || a.header["X-Influxdb-Version"] == "" {
			t.Errorf("%s = %+v, want %d", tt.name, a, tt.want)
		}
		if tt.want > 400 {
			a.influxV1Error(t)
		}
	}
	if a := p.do(t, "POST", "/write", line); a.header["Www-Authenticate"] != `Basic realm="InfluxDB"` {
		t.Errorf("401 = %+v, want the challenge that v1 clients wait for", a)
	}
	if a := p.do(t, "GET", "/api/v1/latest?p=read-secret", ""); a.status != 401 {
		t.Errorf("p on another route = %d, want 401", a.status)
	}
	for _, header := range []string{basic("", "read-secret"), basic("grafana", "read-secret")} {
		if a := p.do(t, "GET", "/api/v1/latest", "", header); a.status != 200 {
			t.Errorf("%s on another route = %d, want 200", header, a.status)
		}
	}
}

func TestInfluxV1Write(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	hours := int64(472222)
	for i, tt := range []struct {
		precision string
		timestamp int64
	}{
		{"", hours * 3600e9},
		{"n", hours * 3600e9},
		{"ns", hours * 3600e9},
		{"u", hours * 3600e6},
		{"us", hours * 3600e6},
		{"%C2%B5", hours * 3600e6},
		{"ms", hours * 3600e3},
		{"s", hours * 3600},
		{"m", hours * 60},
		{"h", hours},
	} {
		if a := p.do(t, "POST", "/write?db=d&rp=autogen&consistency=one&precision="+tt.precision, fmt.Sprintf("m,host=h%d f=1 %d", i, tt.timestamp)); a.status != 204 || a.body != "" {
			t.Errorf("precision %q = %+v, want 204", tt.precision, a)
		}
	}
	for i, reading := range strings.Fields(p.storedReadings(t)) {
		if want := fmt.Sprintf("h%d/m_f@%d=1", i, hours*3_600_000); reading != want {
			t.Errorf("stored %s, want %s", reading, want)
		}
	}
	if got := p.do(t, "POST", "/write?precision=x", "m,host=h f=1"); got.status != 400 || !strings.Contains(got.influxV1Error(t), "precision") {
		t.Errorf("unknown precision = %+v, want 400", got)
	}
	a := p.do(t, "POST", "/write?db=d", "m,host=h g=1 1700000000000000000\nbad\n")
	if got := a.influxV1Error(t); a.status != 400 || !strings.HasPrefix(got, "partial write: 1 rejected, 1 values stored: line 2: ") {
		t.Errorf("partial write = %+v", a)
	}
}

// A timestamp without its unit says which unit it needs.
func TestInfluxTimestampWithoutUnit(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	now := time.Now().Unix()
	for line, want := range map[string]string{
		fmt.Sprint("m,host=h f=1 ", now):         "it looks like seconds: write with precision=s",
		fmt.Sprint("m,host=h f=1 ", now*1000):    "it looks like milliseconds: write with precision=ms",
		fmt.Sprint("m,host=h f=1 ", now*1000000): "it looks like microseconds: write with precision=us",
		"m,host=h f=1 5":                         "time 0 is before 1971",
	} {
		for _, path := range []string{"/api/v2/write", "/write?db=d"} {
			if a := p.do(t, "POST", path, line); a.status != 400 || !strings.Contains(a.body, want) {
				t.Errorf("POST %s %s = %+v, want 400 with %q", path, line, a, want)
			}
		}
	}
	if a := p.do(t, "POST", "/api/v2/write?precision=ms", fmt.Sprint("m,host=h f=1 ", now)); a.status != 400 || !strings.Contains(a.body, "would be 1970-01-") || !strings.Contains(a.body, "precision=s") {
		t.Errorf("seconds as milliseconds = %+v, want 400 with precision=s", a)
	}
	if a := p.do(t, "POST", "/write?precision=s", fmt.Sprint("m,host=h f=1 ", now*1e9)); a.status != 400 || !strings.Contains(a.body, "would be after the year 9999; it looks like nanoseconds: write with precision=ns") {
		t.Errorf("nanoseconds as seconds = %+v, want 400 with precision=ns", a)
	}
}

func TestInfluxV1Query(t *testing.T) {
	t.Parallel()
	p := startServer(t, withKeys(t))
	const done = `{"results":[{"statement_id":0}]}`
	for q, want := range map[string]string{
		`CREATE DATABASE "telegraf"`:                                   done,
		`create database plant with duration 30d name "x";`:            done,
		`CREATE RETENTION POLICY "a b" ON d DURATION 1d REPLICATION 1`: done,
		`ALTER RETENTION POLICY a ON d DEFAULT`:                        done,
		`SHOW DATABASES`:                                               `{"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["plant"]]}]}]}`,
		"\tshow\n databases ; ; ":                                      `{"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["plant"]]}]}]}`,
		`CREATE DATABASE "a;b"; SHOW RETENTION POLICIES ON "a;b"`:      `{"results":[{"statement_id":0},{"statement_id":1,"series":[{"columns":["name","duration","shardGroupDuration","replicaN","default"],"values":[["autogen","0s","168h0m0s",1,true]]}]}]}`,
	} {
		form := url.Values{"q": {q}}.Encode()
		for _, a := range []response{
			p.do(t, "GET", "/query?db=plant&p=edge-secret&"+form, ""),
			p.do(t, "POST", "/query?db=plant&p=read-secret&"+form, ""),
			p.do(t, "POST", "/query?db=plant&p=edge-secret", form, "Content-Type: application/x-www-form-urlencoded"),
		} {
			if a.status != 200 || a.body != want || a.header["X-Influxdb-Version"] == "" {
				t.Errorf("%s = %+v, want %s", q, a, want)
			}
		}
	}
	for q, want := range map[string]string{
		"SELECT * FROM cpu":                  "not supported: SELECT * FROM cpu; ",
		`CREATE DATABASE x; DROP DATABASE y`: "not supported: DROP DATABASE y; ",
		"CREATE DATABASE":                    "not supported: CREATE DATABASE; ",
		"SHOW MEASUREMENTS":                  "/api/v1/machines/{id}/history",
		"":                                   `missing required parameter "q"`,
	} {
		a := p.do(t, "POST", "/query?db=plant&p=edge-secret&"+url.Values{"q": {q}}.Encode(), "")
		if a.status != 400 || !strings.Contains(a.influxV1Error(t), want) {
			t.Errorf("%q = %+v, want 400 with %q", q, a, want)
		}
	}
	if a := p.do(t, "GET", "/query?q=SHOW+DATABASES", ""); a.status != 401 {
		t.Errorf("without a password = %d, want 401", a.status)
	}
}

func TestInfluxProbes(t *testing.T) {
	t.Parallel()
	p := startServer(t, withKeys(t))
	if a := p.do(t, "GET", "/ping", ""); a.status != 204 || a.header["X-Influxdb-Version"] != "1.8.10" {
		t.Errorf("GET /ping = %+v, want 204 with a version", a)
	}
	if a := p.do(t, "HEAD", "/ping", ""); a.status != 204 || a.header["X-Influxdb-Version"] != "1.8.10" {
		t.Errorf("HEAD /ping = %+v, want 204 with a version", a)
	}
	if a := p.do(t, "GET", "/ping?verbose=true", ""); a.status != 200 || a.body != `{"version":"1.8.10"}` {
		t.Errorf("GET /ping?verbose=true = %+v", a)
	}
	if a := p.do(t, "GET", "/ready", ""); a.status != 200 || !strings.HasPrefix(a.body, `{"status":"ready","started":"20`) {
		t.Errorf("GET /ready = %+v", a)
	}
	a := p.do(t, "GET", "/api/v2/buckets?org=plant&name=line%201", "", "Authorization: Token edge-secret")
	if a.status != 200 || !strings.Contains(a.body, `"name":"line 1"`) {
		t.Errorf("GET /api/v2/buckets = %+v, want the bucket of that name", a)
	}
	if a := p.do(t, "GET", "/api/v2/buckets", ""); a.status != 401 || a.influxError(t).Code != "unauthorized" {
		t.Errorf("GET /api/v2/buckets without a token = %+v, want 401", a)
	}
}

// The defaults of influxdb-client-go: batches of 5000 points.
func TestInfluxLargeBatch(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	var lines strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&lines, "m,host=h a=%d,b=2,c=3 %d\n", i, (1_700_000_000+i)*1_000_000_000)
	}
	if a := p.writeLines(t, lines.String()); a.status != 204 {
		t.Fatalf("write = %+v, want 204", a)
	}
	if got := p.get(t, "/api/v1/machines/h/history?metric=m_a&interval=1d&agg=count"); !strings.Contains(got.body, `"count":5000`) {
		t.Errorf("history = %s, want 5000 points", got.body)
	}
}

func FuzzInfluxQL(f *testing.F) {
	f.Add(`CREATE DATABASE "a;b"; SHOW DATABASES`)
	f.Add(`x 'a\'b' ;;"`)
	f.Fuzz(func(t *testing.T, query string) {
		for _, statement := range api.SplitInfluxQL(query) {
			for _, word := range statement {
				if word == "" || !strings.Contains(query, word) {
					t.Errorf("%q has the word %q", query, word)
				}
			}
		}
	})
}

package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/lineprotocol"
	"smart-factory-backend/app/store/memory"
)

// writeLines sends a body as Telegraf's influxdb_v2 output does.
func (p *testServer) writeLines(t testing.TB, body string, headers ...string) response {
	t.Helper()
	return p.do(t, "POST", "/api/v2/write?bucket=telegraf&org=plant", gzipped(t, body), append([]string{
		"User-Agent: Telegraf/1.36.1 Go/1.25.1", "Content-Encoding: gzip", "Content-Type: text/plain; charset=utf-8",
	}, headers...)...)
}

// influxErrorBody is the body of an error in InfluxDB's form.
type influxErrorBody struct {
	Code, Message string
	Line          int
}

func (a response) influxError(t testing.TB) influxErrorBody {
	t.Helper()
	var p influxErrorBody
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || !strings.HasPrefix(a.header["Content-Type"], "application/json") {
		t.Errorf("response = %+v, want an error of InfluxDB's (%v)", a, err)
	}
	return p
}

// storedReadings lists the latest readings, each as "machine/metric@ts=value".
func (p *testServer) storedReadings(t testing.TB) string {
	t.Helper()
	page, err := p.store.Latest(t.Context(), factory.LatestQuery{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, r := range page.Readings {
		value := fmt.Sprint(r.Value)
		if r.Text != nil {
			value = strconv.Quote(*r.Text)
		}
		list = append(list, fmt.Sprintf("%s/%s@%d=%s", r.Machine, r.Metric, r.ObservedAt, value))
	}
	return strings.Join(list, " ")
}

func TestInfluxWrite(t *testing.T) {
	t.Parallel()
	const ts = "1700000000000000000"
	tests := map[string]struct {
		body   string
		naming *lineprotocol.Naming
		tag    string
		want   string
	}{
		"OPC UA, with its quality":             {body: "opcua,host=edge-1,id=ns\\=3;s\\=T,machine=press-1 Temperature=79.5,Quality=\"OK (0x0)\" " + ts + "\n", want: `press-1/opcua_Quality{host="edge-1",id="ns=3;s=T"}@1700000000000="OK (0x0)" press-1/opcua_Temperature{host="edge-1",id="ns=3;s=T"}@1700000000000=79.5`},
		"host tag by default":                  {body: "modbus,host=edge-1,slave_id=1 Current=12.5,Energy=4711u,On=true " + ts + "\n", want: `edge-1/modbus_Current{slave_id="1"}@1700000000000=12.5 edge-1/modbus_Energy{slave_id="1"}@1700000000000=4711 edge-1/modbus_On{slave_id="1"}@1700000000000=1`},
		"configured tag":                       {body: "modbus,host=edge-1,name=press\\ 2 Current=-1i " + ts + "\n", tag: "name", want: `press 2/modbus_Current{host="edge-1"}@1700000000000=-1`},
		"values that only tags tell apart":     {body: "cpu,cpu=cpu0,host=e usage=1 " + ts + "\ncpu,cpu=cpu1,host=e usage=2 " + ts + "\n", want: `e/cpu_usage{cpu="cpu0"}@1700000000000=1 e/cpu_usage{cpu="cpu1"}@1700000000000=2`},
		"values of two measurements":           {body: "mem,host=e used_percent=1 " + ts + "\ndisk,host=e,path=/ used_percent=2 " + ts + "\n", want: `e/disk_used_percent{path="/"}@1700000000000=2 e/mem_used_percent@1700000000000=1`},
		"two topics":                           {body: "mqtt_consumer,host=e,topic=a value=1 " + ts + "\nmqtt_consumer,host=e,topic=b value=2 " + ts + "\n", want: `e/mqtt_consumer_value{topic="a"}@1700000000000=1 e/mqtt_consumer_value{topic="b"}@1700000000000=2`},
		"the short form":                       {body: "cpu,cpu=cpu0,host=e usage=1 " + ts + "\ncpu,cpu=cpu1,host=e usage=2 " + ts + "\n", naming: &lineprotocol.Naming{Tags: true}, want: `e/usage{cpu="cpu0"}@1700000000000=1 e/usage{cpu="cpu1"}@1700000000000=2`},
		"names of earlier releases":            {body: "cpu,cpu=cpu0,host=edge-1 usage_idle=99.5 " + ts + "\n", naming: &lineprotocol.Naming{}, want: "edge-1/usage_idle@1700000000000=99.5"},
		"only strings":                         {body: "opcua,host=edge-1 Quality=\"OK\" " + ts + "\n", want: "edge-1/opcua_Quality@1700000000000=\"OK\""},
		"escapes in a string":                  {body: `m,host=h f="C:\\a \"b\" \c" ` + ts + "\n", want: `h/m_f@1700000000000="C:\\a \"b\" \\c"`},
		"a string that is too long":            {body: "m,host=h f=\"" + strings.Repeat("x", 1025) + "\",g=1 " + ts + "\n", want: "h/m_g@1700000000000=1"},
		"string over several lines":            {body: "syslog,host=edge-1 message=\"a\nb \\\"c\\\"\",severity=3i " + ts + "\n", want: "edge-1/syslog_message@1700000000000=\"a\\nb \\\"c\\\"\" edge-1/syslog_severity@1700000000000=3"},
		"nanoseconds are rounded down":         {body: "m,host=h f=1 1700000000000999999", want: "h/m_f@1700000000000=1"},
		"repeated field: last value":           {body: "m,host=h f=1,f=2 " + ts, want: "h/m_f@1700000000000=2"},
		"integers beyond a double are rounded": {body: "m,host=h f=9007199254740993i " + ts, want: "h/m_f@1700000000000=9.007199254740992e+15"},
		"comments and empty lines":             {body: "# hello\n\n", want: ""},
		"CR LF":                                {body: "m,host=h f=1 " + ts + "\r\nm,host=h g=2 " + ts + "\r\n", want: "h/m_f@1700000000000=1 h/m_g@1700000000000=2"},
		"the same metric of several machines":  {body: "m,machine=a,host=h f=1 " + ts + "\nm,host=h,machine=b f=2 " + ts, want: `a/m_f{host="h"}@1700000000000=1 b/m_f{host="h"}@1700000000000=2`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startServer(t, func(o *api.Options, _ *testServer) {
				o.InfluxMachineTag = tt.tag
				if tt.naming != nil {
					o.InfluxNaming = func(context.Context) (api.LineNaming, api.EarlierLineNaming, error) {
						return *tt.naming, api.EarlierLineNaming{}, nil
					}
				}
			})
			if a := p.writeLines(t, tt.body); a.status != 204 || a.body != "" {
				t.Fatalf("write = %+v, want 204", a)
			}
			if got := p.storedReadings(t); got != tt.want {
				t.Errorf("stored %s, want %s", got, tt.want)
			}
		})
	}
}

// Telegraf compresses while it sends, so the length is unknown and the body chunked.
func TestInfluxWriteChunked(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	body := gzipped(t, strings.Repeat("m,host=h f=1 1700000000000000000\n", 500))
	var chunks strings.Builder
	for i := 0; i < len(body); i += 20 {
		part := body[i:min(i+20, len(body))]
		fmt.Fprintf(&chunks, "%x\r\n%s\r\n", len(part), part)
	}
	got := p.sendRaw(t, "POST /api/v2/write?bucket=b&org=o HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"+chunks.String()+"0\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 204 ") || p.storedReadings(t) != "h/m_f@1700000000000=1" {
		t.Errorf("response = %.200q, stored %s", got, p.storedReadings(t))
	}
}

func TestInfluxPrecision(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for i, tt := range []struct{ precision, timestamp string }{
		{"ns", "1700000000000000000"}, {"us", "1700000000000000"}, {"ms", "1700000000000"}, {"s", "1700000000"},
	} {
		line := fmt.Sprintf("m,host=h f%d=1 %s", i, tt.timestamp)
		if a := p.do(t, "POST", "/api/v2/write?precision="+tt.precision, line); a.status != 204 {
			t.Errorf("precision %s = %+v", tt.precision, a)
		}
	}
	if got := p.storedReadings(t); got != "h/m_f0@1700000000000=1 h/m_f1@1700000000000=1 h/m_f2@1700000000000=1 h/m_f3@1700000000000=1" {
		t.Errorf("stored %s", got)
	}
	if a := p.do(t, "POST", "/api/v2/write?precision=h", "m,host=h f=1"); a.status != 400 || a.influxError(t).Code != "invalid" {
		t.Errorf("precision h = %+v, want 400", a)
	}
	before := time.Now().UnixMilli()
	p.writeLines(t, "m,host=now f=1")
	page, err := p.store.Latest(t.Context(), factory.LatestQuery{Machine: "now", Limit: 1})
	if err != nil || len(page.Readings) != 1 || page.Readings[0].ObservedAt < before || page.Readings[0].ObservedAt > time.Now().UnixMilli() {
		t.Errorf("without a timestamp = %+v, %v, want the present", page.Readings, err)
	}
}

// Invalid lines are listed, and the other lines are stored.
func TestInfluxPartialWrite(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, p *testServer) {
		p.store = memory.New(memory.Options{AutoRegister: true, MaxSeries: 3})
		o.Store = p.store
	})
	a := p.writeLines(t, strings.Join([]string{
		"m,host=h f=1 1700000000000000000",
		"m f=2 1700000000000000000",
		"m,host=h f=",
		"m,host=h g=NaN 1700000000000000000",
		"m,host=h,host=i g=1 1700000000000000000",
		"m,host=h g=1 9999999999999999",
		"m,host=h g=1 9000000000000000000",
		"m,host=h " + strings.Repeat("x", 511) + "=1 1700000000000000000",
		"m,host=h g=1 1700000000000000000",
		"#",
		"m,host=h a=1,b=2 1700000000000000000",
	}, "\n"))
	got := a.influxError(t)
	if a.status != 400 || got.Code != "invalid" || got.Line != 2 {
		t.Errorf("write = %d %+v, want 400, invalid, line 2", a.status, got)
	}
	for _, want := range []string{
		"partial write: 8 rejected, 3 values stored: ", "line 2: no machine: ", "line 3: expected a number", "line 4: expected a number",
		"line 5: the tag that names the machine appears more than once", "line 6: time 9999999999 is before 1971", "line 7: time 9000000000000 is more than 10 minutes ahead",
		"line 8: metric name has 513 bytes", "line 11: limit of 3 series",
	} {
		if !strings.Contains(got.Message, want) {
			t.Errorf("message %q lacks %q", got.Message, want)
		}
	}
	if got := p.storedReadings(t); got != "h/m_a@1700000000000=1 h/m_f@1700000000000=1 h/m_g@1700000000000=1" {
		t.Errorf("stored %s", got)
	}
}

func TestInfluxErrorListIsBounded(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	a := p.writeLines(t, strings.Repeat("bad\n", 5000)+"m,host=h f=1 1700000000000000000")
	if got := a.influxError(t); a.status != 400 || !strings.HasPrefix(got.Message, "partial write: 5000 rejected, 1 values stored: line 1: ") || len(got.Message) > 4000 {
		t.Errorf("write = %d with %d bytes: %.200s", a.status, len(got.Message), got.Message)
	}
}

// Telegraf repeats a batch after 401, 403, 429 and 5xx, splits it after 413, and
// drops it after other errors.
func TestInfluxErrorStatuses(t *testing.T) {
	t.Parallel()
	keys, err := access.Parse("edge:ingest:edge-secret,screen:read:read-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	line := "m,host=h f=1 1700000000000000000\n"
	tests := map[string]struct {
		change  func(*api.Options, *testServer)
		body    string
		headers []string
		status  int
		code    string
		retry   bool
	}{
		"a token":                          {change: func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(keys) }, body: gzipped(t, line), headers: []string{"Authorization: Token edge-secret"}, status: 204},
		"no token":                         {change: func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(keys) }, body: gzipped(t, line), status: 401, code: "unauthorized"},
		"a wrong token":                    {change: func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(keys) }, body: gzipped(t, line), headers: []string{"Authorization: Token nope"}, status: 401, code: "unauthorized"},
		"a key that may only read":         {change: func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(keys) }, body: gzipped(t, line), headers: []string{"Authorization: Token read-secret"}, status: 403, code: "forbidden"},
		"more points than allowed":         {body: gzipped(t, strings.Repeat(line, 50_001)), status: 413, code: "request too large"},
		"a body over the limit":            {change: func(o *api.Options, _ *testServer) { o.MaxBody = 100 }, body: strings.Repeat("x", 200), status: 413, code: "request too large"},
		"decompressed body over the limit": {change: func(o *api.Options, _ *testServer) { o.MaxDecompressed = 10_000 }, body: gzipped(t, strings.Repeat("#\n", 10_000)), status: 413, code: "request too large"},
		"invalid gzip":                     {body: line, status: 400, code: "invalid"},
		"full queue":                       {change: withStoreError(factory.ErrOverloaded), body: gzipped(t, line), status: 503, code: "unavailable", retry: true},
		"store unavailable":                {change: withStoreError(factory.ErrUnavailable), body: gzipped(t, line), status: 503, code: "unavailable", retry: true},
		"body memory used up":              {change: func(o *api.Options, _ *testServer) { o.IngestMemory = 100 }, body: gzipped(t, line), status: 503, code: "unavailable", retry: true},
		"too many connections":             {change: func(_ *api.Options, p *testServer) { p.overLimit = "connections" }, body: gzipped(t, line), status: 503, code: "unavailable", retry: true},
		"internal error":                   {change: withStoreError(fmt.Errorf("secret path")), body: gzipped(t, line), status: 500, code: "internal error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startServer(t, tt.change)
			a := p.do(t, "POST", "/api/v2/write?org=o&bucket=b", tt.body, append([]string{"Content-Encoding: gzip"}, tt.headers...)...)
			if a.status != tt.status || (a.header["Retry-After"] != "") != tt.retry {
				t.Errorf("write = %+v, want %d, Retry-After %v", a, tt.status, tt.retry)
			}
			if tt.code == "" {
				return
			}
			if got := a.influxError(t); got.Code != tt.code || got.Message == "" || strings.Contains(got.Message, "secret") {
				t.Errorf("error = %+v, want %s", got, tt.code)
			}
		})
	}
}

func withStoreError(err error) func(*api.Options, *testServer) {
	return func(o *api.Options, p *testServer) { o.Store = failingStore{p.store, err} }
}

func TestInfluxRateLimitIsUnavailable(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, p *testServer) {
		o.RateLimit, o.RateBurst = 1, 1
		p.peer = netip.MustParseAddr("192.0.2.9")
	})
	p.writeLines(t, "m,host=h f=1")
	if a := p.writeLines(t, "m,host=h f=1"); a.status != 503 || a.header["Retry-After"] == "" || a.influxError(t).Code != "unavailable" {
		t.Errorf("the second = %+v, want 503 with Retry-After", a)
	}
}

func TestInfluxUnsupportedEncoding(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	a := p.do(t, "POST", "/api/v2/write", "m,host=h f=1", "Content-Encoding: br")
	if got := a.influxError(t); a.status != 400 || !strings.Contains(got.Message, "gzip, deflate, zstd or identity") {
		t.Errorf("write = %+v, want 400", a)
	}
}

func TestInfluxPingAndHealth(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	if a := p.get(t, "/ping"); a.status != 204 {
		t.Errorf("ping = %+v", a)
	}
	if a := p.do(t, "HEAD", "/ping", ""); a.status != 204 {
		t.Errorf("HEAD ping = %+v", a)
	}
	if a := p.get(t, "/health"); a.status != 200 || !strings.Contains(a.body, `"status":"pass"`) {
		t.Errorf("health = %+v", a)
	}
	_ = p.store.Close()
	if a := startServer(t, func(_ *api.Options, p *testServer) { p.draining = true }).get(t, "/health"); a.status != 503 || !strings.Contains(a.body, `"status":"fail"`) {
		t.Errorf("health while draining = %+v", a)
	}
}

// Concurrent responses list the errors of their own requests only.
func TestConcurrentErrorsAreNotShared(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 30 {
				name := fmt.Sprintf("metric%d", i)
				a := p.post(t, fmt.Sprintf(`{"machine":"m","values":{%q:null}}`, name))
				if want := `"pointer":"/values/` + name + `"`; a.status != 400 || strings.Count(a.body, want) != 1 || strings.Count(a.body, "pointer") != 1 {
					t.Errorf("response to %s = %d %s", name, a.status, a.body)
				}
				if a := p.writeLines(t, strings.Repeat("# \n", i)+"bad"); a.influxError(t).Line != i+1 {
					t.Errorf("response to a bad line %d = %s", i+1, a.body)
				}
			}
		})
	}
	wg.Wait()
}

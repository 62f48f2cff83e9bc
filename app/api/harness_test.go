package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"
	"smart-factory-backend/app/store/memory"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
)

// patience is longer than anything takes that works.
const patience = time.Minute

// plant serves the API in memory, as a worker would.
type plant struct {
	api      *api.API
	store    factory.Store
	server   *fasthttp.Server
	listener *fasthttputil.InmemoryListener
	over     string
	peer     netip.Addr
	draining bool
}

func (p *plant) StreamBody(ctx *fasthttp.RequestCtx, write func(*bufio.Writer) error) {
	r, pipe := io.Pipe()
	ctx.SetBodyStream(r, -1)
	go func() { // ends with the response, which closes r
		w := bufio.NewWriter(pipe)
		err := write(w)
		if err == nil {
			err = w.Flush()
		}
		_ = pipe.CloseWithError(err)
	}()
}
func (p *plant) OverLimit(*fasthttp.RequestCtx) string { return p.over }
func (p *plant) Peer(*fasthttp.RequestCtx) netip.Addr  { return p.peer }
func (p *plant) Workers() (running, total int)         { return 2, 2 }
func (p *plant) Draining() bool                        { return p.draining }

// start serves an API; change may alter the options and the plant before.
func start(t testing.TB, change func(*api.Options, *plant)) *plant {
	t.Helper()
	p := &plant{
		store: memory.New(memory.Options{AutoRegister: true}), listener: fasthttputil.NewInmemoryListener(),
		peer: netip.MustParseAddr("192.0.2.1"),
	}
	o := api.Options{
		Store: p.store, Runtime: p, Metrics: metrics.New(), Keys: access.NewKeys(access.List{}),
		RateLimit: 100_000, RateBurst: 100_000, KeyRateLimit: 100_000,
		MaxBody: 4 << 20, MaxUnpacked: 32 << 20, MaxPoints: 10_000,
		IngestTimeout: patience, IngestMemory: 64 << 20,
	}
	o.Health = health.New(p, time.Now)
	o.Health.Add("store", health.Readiness, func() error { return p.store.Ready() })
	o.Health.SetStarted()
	if change != nil {
		change(&o, p)
	}
	p.store = o.Store
	api, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.api = api
	p.server = &fasthttp.Server{
		Logger:  silent{},
		Handler: api.Handler, ErrorHandler: api.Error, StreamRequestBody: true, MaxRequestBodySize: o.MaxBody,
		DisablePreParseMultipartForm: true, NoDefaultServerHeader: true, ReadTimeout: patience,
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.server.Serve(p.listener)
	}()
	t.Cleanup(func() {
		_ = p.listener.Close()
		<-ended
	})
	return p
}

// answer is a response as a client sees it.
type answer struct {
	status int
	header map[string]string
	body   string
}

// problem is the body of an error.
type problem struct {
	Type, Title, Detail string
	Status, Rejected    int
	RequestID           string `json:"request_id"`
	Errors              []struct{ Pointer, Detail string }
}

func (a answer) problem(t testing.TB) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header["Content-Type"] != "application/problem+json" || p.Status != a.status {
		t.Errorf("answer = %+v, want problem+json with the same status (%v)", a, err)
	}
	return p
}

// dial connects to the plant.
func (p *plant) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := p.listener.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// raw sends bytes as they are and reads the answers until the end.
func (p *plant) raw(t testing.TB, request string) string {
	t.Helper()
	c := p.dial(t)
	go func() { _, _ = io.WriteString(c, request) }() // ends with the connection at the latest
	b, _ := io.ReadAll(c)
	return string(b)
}

// do sends one request; headers are "Name: value" lines.
func (p *plant) do(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	c := p.dial(t)
	defer func() { _ = c.Close() }()
	head := append([]string{method + " " + path + " HTTP/1.1", "Host: plant", fmt.Sprintf("Content-Length: %d", len(body))}, headers...)
	go func() { _, _ = io.WriteString(c, strings.Join(head, "\r\n")+"\r\n\r\n"+body) }()
	var r fasthttp.Response
	r.SkipBody = method == fasthttp.MethodHead
	if err := r.Read(bufio.NewReader(c)); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{status: r.StatusCode(), header: map[string]string{}, body: string(r.Body())}
	for k, v := range r.Header.All() {
		a.header[string(k)] = string(v)
	}
	return a
}

func (p *plant) get(t testing.TB, path string, headers ...string) answer {
	t.Helper()
	return p.do(t, fasthttp.MethodGet, path, "", headers...)
}

func (p *plant) post(t testing.TB, body string, headers ...string) answer {
	t.Helper()
	return p.do(t, fasthttp.MethodPost, "/api/v1/telemetry", body, headers...)
}

func zipped(t testing.TB, body string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// silent drops what fasthttp says of bad requests.
type silent struct{}

func (silent) Printf(string, ...any) {}

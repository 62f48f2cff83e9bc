package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
)

// testTimeout is longer than any step of a passing test takes.
const testTimeout = time.Minute

// testServer serves an API on an in-memory listener. It is the API's Runtime.
type testServer struct {
	api       *api.API
	store     factory.Store
	server    *fasthttp.Server
	listener  *fasthttputil.InmemoryListener
	overLimit string
	peer      netip.Addr
	draining  bool
	hungUp    chan struct{} // closed when the client of a wait disconnects
}

// testWait is an api.Wait.
type testWait struct {
	once          sync.Once
	woken, hungUp chan struct{}
}

func (w *testWait) Wake() { w.once.Do(func() { close(w.woken) }) }

func (w *testWait) Wait() bool {
	select {
	case <-w.woken:
		return false
	case <-w.hungUp:
		return true
	}
}

func (p *testServer) StreamBody(ctx *fasthttp.RequestCtx, write func(*bufio.Writer) error) {
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

func (p *testServer) Await(*fasthttp.RequestCtx) api.Wait {
	return &testWait{woken: make(chan struct{}), hungUp: p.hungUp}
}

func (p *testServer) OverLimit(*fasthttp.RequestCtx) string     { return p.overLimit }
func (p *testServer) LongRequestLine(*fasthttp.RequestCtx) bool { return false }
func (p *testServer) Peer(*fasthttp.RequestCtx) netip.Addr      { return p.peer }
func (p *testServer) Workers() (running, total int)             { return 2, 2 }
func (p *testServer) Draining() bool                            { return p.draining }

// startServer starts a server, which ends with the test. change may modify the
// options and the server before the API is made; nil changes nothing.
func startServer(t testing.TB, change func(*api.Options, *testServer)) *testServer {
	t.Helper()
	p := &testServer{
		store: memory.New(memory.Options{AutoRegister: true}), listener: fasthttputil.NewInmemoryListener(),
		peer: netip.MustParseAddr("192.0.2.1"),
	}
	o := api.Options{
		Store: p.store, Runtime: p, Metrics: metrics.New(), Keys: access.NewKeys(access.List{}),
		RateLimit: 100_000, RateBurst: 100_000, KeyRateLimit: 100_000,
		MaxBody: 4 << 20, MaxDecompressed: 32 << 20, MaxPoints: 50_000,
		IngestTimeout: testTimeout, IngestMemory: 64 << 20, AutoRegister: true,
	}
	o.Health = health.New(p, time.Now)
	o.Health.Add("store", health.Readiness, func() error { return p.store.Ready() })
	o.Health.SetStarted()
	if change != nil {
		change(&o, p)
	}
	o.Store = plant.NewTextStore(o.Store)
	alarms := plant.NewAlarms(plant.AlarmOptions{
		Store: o.Store, Alone: true, Now: func() int64 { return time.Now().UnixMilli() }, Failed: func(err error) { t.Logf("alarms: %v", err) },
	})
	feed := plant.NewFeed(o.Store, alarms)
	o.Store, o.Alarms, o.MaxShelve = feed, alarms, 24*time.Hour
	p.store = o.Store
	o.OEE = plant.NewOEE(o.Store, func() int64 { return time.Now().UnixMilli() })
	alarmsCtx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = alarms.Run(alarmsCtx)
	}()
	t.Cleanup(func() { stop(); <-stopped })
	o.Timelines = plant.NewTimelines(o.Store, func() int64 { return time.Now().UnixMilli() })
	api, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.api = api
	p.server = &fasthttp.Server{
		Logger:  discardLogger{},
		Handler: api.Handler, ErrorHandler: api.ErrorHandler, ExpectHandler: api.ExpectHandler, StreamRequestBody: true, MaxRequestBodySize: o.MaxBody,
		DisablePreParseMultipartForm: true, NoDefaultServerHeader: true, ReadTimeout: testTimeout,
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

// response is a response as the client receives it.
type response struct {
	status int
	header map[string]string
	body   string
}

// problem is the body of an error response.
type problem struct {
	Type, Title, Detail string
	Status, Rejected    int
	RequestID           string `json:"request_id"`
	Errors              []struct{ Pointer, Detail string }
}

func (a response) problem(t testing.TB) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header["Content-Type"] != "application/problem+json" || p.Status != a.status {
		t.Errorf("response = %+v, want problem+json with the same status (%v)", a, err)
	}
	return p
}

// dial returns a connection to the server, which is closed with the test.
func (p *testServer) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := p.listener.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(testTimeout))
	return c
}

// sendRaw sends bytes unchanged and returns all that the server sends.
func (p *testServer) sendRaw(t testing.TB, request string) string {
	t.Helper()
	c := p.dial(t)
	go func() { _, _ = io.WriteString(c, request) }() // ends with the connection at the latest
	b, _ := io.ReadAll(c)
	return string(b)
}

// do sends a request and returns its response. headers are "Name: value" lines.
func (p *testServer) do(t testing.TB, method, path, body string, headers ...string) response {
	t.Helper()
	c := p.dial(t)
	defer func() { _ = c.Close() }()
	head := append([]string{method + " " + path + " HTTP/1.1", fmt.Sprintf("Content-Length: %d", len(body))}, headers...)
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "Host:") }) {
		head = append(head, "Host: plant")
	}
	go func() { _, _ = io.WriteString(c, strings.Join(head, "\r\n")+"\r\n\r\n"+body) }()
	var r fasthttp.Response
	r.SkipBody = method == fasthttp.MethodHead
	if err := r.Read(bufio.NewReader(c)); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	a := response{status: r.StatusCode(), header: map[string]string{}, body: string(r.Body())}
	for k, v := range r.Header.All() {
		a.header[string(k)] = string(v)
	}
	return a
}

func (p *testServer) get(t testing.TB, path string, headers ...string) response {
	t.Helper()
	return p.do(t, fasthttp.MethodGet, path, "", headers...)
}

func (p *testServer) post(t testing.TB, body string, headers ...string) response {
	t.Helper()
	return p.do(t, fasthttp.MethodPost, "/api/v1/telemetry", body, headers...)
}

func gzipped(t testing.TB, body string) string {
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

// discardLogger drops the messages of fasthttp about invalid requests.
type discardLogger struct{}

func (discardLogger) Printf(string, ...any) {}

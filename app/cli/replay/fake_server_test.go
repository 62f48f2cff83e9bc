package replay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cli/replay"

	"github.com/valyala/fasthttp"
)

// point is one reading as the server got it, in the order of arrival.
type point struct {
	machine, metric string
	ts              int64
	value           float64
}

// plant is a server that takes telemetry and remembers it.
type fakeServer struct {
	mu     sync.Mutex
	points []point
	// requests counts what was answered or left unanswered.
	requests int
	keys     map[string]bool
	// script, if set, may deal with a request in its own way: it returns an
	// answer other than 0 to replace the usual one.
	override func(n int, points []point) (status int, header map[string]string, body string)
}

// answer is what the server does with the n-th request.
func (p *fakeServer) respond(key, encoding string, body []byte) (int, map[string]string, string) {
	points, err := decodePoints(encoding, body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	if p.keys == nil {
		p.keys = make(map[string]bool)
	}
	p.keys[key] = true
	if err != nil {
		return 400, nil, fmt.Sprintf(`{"title":"Bad Request","status":400,"detail":%q}`, err.Error())
	}
	if p.override != nil {
		if status, header, text := p.override(p.requests, points); status != 0 {
			return status, header, text
		}
	}
	p.points = append(p.points, points...)
	return 200, nil, fmt.Sprintf(`{"accepted":%d,"rejected":0,"errors":[]}`, len(points))
}

func (p *fakeServer) received() []point {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]point(nil), p.points...)
}

func (p *fakeServer) requestCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// decode reads a body as the contract writes it.
func decodePoints(encoding string, body []byte) ([]point, error) {
	if encoding == "gzip" {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(unpacked); err != nil {
			return nil, err
		}
	}
	var objects []struct {
		Machine string             `json:"machine"`
		TS      int64              `json:"ts"`
		Values  map[string]float64 `json:"values"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&objects); err != nil {
		return nil, err
	}
	var points []point
	for _, o := range objects {
		for metric, value := range o.Values {
			points = append(points, point{o.Machine, metric, o.TS, value})
		}
	}
	return points, nil
}

// listen serves p on a loopback port until the test ends, and returns its URL.
// A status of -1 from the script cuts the connection in the middle of an
// answer.
func (p *fakeServer) start(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{
		Logger: discardLogger{},
		Handler: func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Method()) != http.MethodPost || string(ctx.Path()) != "/api/v1/telemetry" {
				ctx.Error("not found", 404)
				return
			}
			status, header, body := p.respond(string(ctx.Request.Header.Peek("Authorization")),
				string(ctx.Request.Header.ContentEncoding()), ctx.PostBody())
			if status == -1 {
				ctx.HijackSetNoResponse(true)
				ctx.Hijack(func(c net.Conn) {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"accep")
				})
				return
			}
			ctx.SetStatusCode(status)
			for name, value := range header {
				ctx.Response.Header.Set(name, value)
			}
			ctx.SetContentType("application/json")
			ctx.SetBodyString(body)
		},
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		_ = server.Shutdown()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return "http://" + ln.Addr().String()
}

// RoundTrip serves p without a network, for tests with a clock of their own. A
// status of -1 is an answer cut short, -2 a refused connection.
func (p *fakeServer) RoundTrip(req *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	status, header, body := p.respond(req.Header.Get("Authorization"), req.Header.Get("Content-Encoding"), raw)
	if status == -2 {
		return nil, fmt.Errorf("dial: connection refused")
	}
	resp := &http.Response{StatusCode: status, Header: make(http.Header), Request: req}
	for name, value := range header {
		resp.Header.Set(name, value)
	}
	resp.Body = io.NopCloser(strings.NewReader(body))
	if status == -1 {
		resp.StatusCode = 200
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"acc`), brokenReader{}))
	}
	return resp, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type discardLogger struct{}

func (discardLogger) Printf(string, ...any) {}

// file writes a recording and returns its path.
func writeRecording(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hours makes a recording with a row an hour and one value, its number.
func hourlyRows(rows int) string {
	var b strings.Builder
	b.WriteString("timestamp,value\n")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		fmt.Fprintf(&b, "%s,%d\n", at.Add(time.Duration(i)*time.Hour).Format(time.DateTime), i)
	}
	return b.String()
}

// fast are the options of a replay without a pace.
func fastOptions(url string, files ...string) replay.Options {
	return replay.Options{URL: url, Files: files, Batch: 1000, RetryFor: time.Minute}
}

// run replays and fails the test where it could not begin.
func mustRun(t *testing.T, o replay.Options) replay.Summary {
	t.Helper()
	return mustRunContext(t.Context(), t, o)
}

func mustRunContext(ctx context.Context, t *testing.T, o replay.Options) replay.Summary {
	t.Helper()
	sum, err := replay.Run(ctx, o)
	if err != nil {
		t.Fatalf("Run() = %v, want no error", err)
	}
	return sum
}

package replay_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"
)

// point is one reading as received by the server.
type point struct {
	machine, metric string
	ts              int64
	value           float64
}

// fakeServer is a telemetry server that records what it receives. The zero value
// accepts everything. It serves on a port (start) or without a network
// (RoundTrip).
type fakeServer struct {
	mu     sync.Mutex
	points []point
	// requests counts all requests, including those without a response.
	requests int
	keys     map[string]bool
	// events are the bodies that were posted to the events of machines, by path.
	events []string
	// override, if set, may replace the response to the n-th request, from 1: it
	// returns a status other than 0, cutResponse or refused.
	override func(n int, points []point) (status int, header map[string]string, body string)
}

// respond records a request and returns the response.
func (s *fakeServer) respond(key, encoding string, body []byte) (int, map[string]string, string) {
	points, err := decodePoints(encoding, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if s.keys == nil {
		s.keys = make(map[string]bool)
	}
	s.keys[key] = true
	if err != nil {
		return 400, nil, fmt.Sprintf(`{"title":"Bad Request","status":400,"detail":%q}`, err.Error())
	}
	if s.override != nil {
		if status, header, text := s.override(s.requests, points); status != 0 {
			return status, header, text
		}
	}
	s.points = append(s.points, points...)
	return 200, nil, fmt.Sprintf(`{"accepted":%d,"rejected":0,"errors":[]}`, len(points))
}

// respondToEvents accepts all events.
func (s *fakeServer) respondToEvents(path string, body []byte) string {
	var list []json.RawMessage
	err := json.Unmarshal(body, &list)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf("%s %s %v", path, body, err))
	return fmt.Sprintf(`{"accepted":%d,"rejected":0,"errors":[]}`, len(list))
}

func (s *fakeServer) received() []point {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]point(nil), s.points...)
}

func (s *fakeServer) requestCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// decodePoints decodes a request body.
func decodePoints(encoding string, body []byte) ([]point, error) {
	if encoding == "gzip" {
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(r); err != nil {
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

// start serves s on a loopback port until the test ends, and returns its URL.
func (s *fakeServer) start(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{
		Logger: discardLogger{},
		Handler: func(ctx *fasthttp.RequestCtx) {
			if path := string(ctx.Path()); strings.HasSuffix(path, "/events") {
				ctx.SetContentType("application/json")
				ctx.SetBodyString(s.respondToEvents(path, ctx.PostBody()))
				return
			}
			if string(ctx.Method()) != http.MethodPost || string(ctx.Path()) != "/api/v1/telemetry" {
				ctx.Error("not found", 404)
				return
			}
			status, header, body := s.respond(string(ctx.Request.Header.Peek("Authorization")),
				string(ctx.Request.Header.ContentEncoding()), ctx.PostBody())
			if status == cutResponse {
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

// RoundTrip serves s without a network, for tests in a synctest bubble.
func (s *fakeServer) RoundTrip(req *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	status, header, body := s.respond(req.Header.Get("Authorization"), req.Header.Get("Content-Encoding"), raw)
	if status == refused {
		return nil, fmt.Errorf("dial: connection refused")
	}
	resp := &http.Response{StatusCode: status, Header: make(http.Header), Request: req}
	for name, value := range header {
		resp.Header.Set(name, value)
	}
	resp.Body = io.NopCloser(strings.NewReader(body))
	if status == cutResponse {
		resp.StatusCode = 200
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"acc`), brokenReader{}))
	}
	return resp, nil
}

// Statuses of fakeServer.override that are failures of the connection.
const (
	cutResponse = -1 // the connection is closed within the response
	refused     = -2 // the connection is refused; only with RoundTrip
)

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type discardLogger struct{}

func (discardLogger) Printf(string, ...any) {}

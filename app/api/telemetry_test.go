package api_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

func TestTelemetryIsStored(t *testing.T) {
	t.Parallel()
	object := `{"machine":"m","ts":1700000000000,"values":{"a":1.5}}`
	tests := map[string]struct {
		body    string
		headers []string
	}{
		"an object":                   {body: object},
		"an array":                    {body: "[" + object + "]"},
		"NDJSON":                      {body: object + "\n", headers: []string{"Content-Type: application/x-ndjson; charset=utf-8"}},
		"gzip":                        {body: gzipped(t, object), headers: []string{"Content-Encoding: gzip"}},
		"gzip of two members":         {body: gzipped(t, object[:10]) + gzipped(t, object[10:]), headers: []string{"Content-Encoding: GZIP"}},
		"explicit identity":           {body: object, headers: []string{"Content-Encoding: identity"}},
		"curl's default content type": {body: object, headers: []string{"Content-Type: application/x-www-form-urlencoded"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startServer(t, nil)
			if a := p.post(t, tt.body, tt.headers...); a.status != 200 || a.body != `{"accepted":1,"rejected":0,"errors":[]}` {
				t.Fatalf("POST = %+v", a)
			}
			want := `{"readings":[{"machine":"m","metric":"a","unit":"","ts":1700000000000,"value":1.5}],"next_cursor":null}`
			if a := p.get(t, "/api/v1/latest"); a.body != want {
				t.Errorf("latest = %s, want %s", a.body, want)
			}
		})
	}
}

func TestInvalidTelemetryIsRejected(t *testing.T) {
	t.Parallel()
	point := `{"machine":"m","ts":1700000000000,"values":{"a":1}}`
	tests := map[string]struct {
		body    string
		headers []string
		status  int
		detail  string
	}{
		"empty body":                       {body: "", status: 400, detail: "line 1, column 1"},
		"not JSON":                         {body: "machine=m", status: 400, detail: "line 1, column 1"},
		"every point invalid":              {body: `{"machine":"m","values":{"a":null}}`, status: 400, detail: "every point was rejected"},
		"unsupported encoding":             {body: point, headers: []string{"Content-Encoding: br"}, status: 415, detail: "gzip, deflate, zstd or identity"},
		"invalid gzip":                     {body: point, headers: []string{"Content-Encoding: gzip"}, status: 400, detail: "not valid gzip"},
		"truncated gzip":                   {body: gzipped(t, point)[:30], headers: []string{"Content-Encoding: gzip"}, status: 400, detail: "not valid gzip"},
		"decompressed body over the limit": {body: gzipped(t, strings.Repeat(" ", 1<<20+1)), headers: []string{"Content-Encoding: gzip"}, status: 413, detail: "the decompressed body is larger than 1048576 bytes"},
		"a body over the limit":            {body: strings.Repeat(" ", 4<<20+1), status: 413, detail: "larger than 4194304 bytes"},
		"more points than allowed":         {body: "[" + strings.Repeat(point+",", 50_000) + point + "]", status: 413, detail: "more than 50000 points"},
		"deep nesting":                     {body: strings.Repeat("[", 1<<20), status: 400, detail: "nested deeper"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startServer(t, func(o *api.Options, _ *testServer) { o.MaxDecompressed = 1 << 20 })
			a := p.post(t, tt.body, tt.headers...)
			if got := a.problem(t); a.status != tt.status || !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("POST = %d %q, want %d with %q", a.status, got.Detail, tt.status, tt.detail)
			}
			if n := p.store.Stats().Points; n != 0 {
				t.Errorf("%d points were stored", n)
			}
		})
	}
}

func TestErrorsPointToTheValue(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	a := p.post(t, `[{"machine":"m","values":{"a":1,"b":[]}},{"machine":"","values":{"c":2}}]`)
	want := `{"accepted":1,"rejected":2,"errors":[{"pointer":"/0/values/b","detail":"must be a number, a boolean or a text, not an array"},{"pointer":"/1/machine","detail":"machine name is empty"}]}`
	if a.status != 200 || a.body != want {
		t.Errorf("POST = %d %s, want %s", a.status, a.body, want)
	}
}

func TestErrorListIsBounded(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	a := p.post(t, "["+strings.Repeat(`{"machine":"m","values":{"a":null}},`, 500)+`{"machine":"m","values":{"a":1}}]`)
	if !strings.HasPrefix(a.body, `{"accepted":1,"rejected":500,`) || strings.Count(a.body, `"pointer"`) != 100 {
		t.Errorf("POST = %.80s… with %d errors, want 500 rejected and 100 listed", a.body, strings.Count(a.body, `"pointer"`))
	}
}

func TestChunkedBodyOverLimit(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) { o.MaxBody = 64 << 10 })
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 8<<10, strings.Repeat(" ", 8<<10))
	got := p.sendRaw(t, "POST /api/v1/telemetry HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(chunk, 20))
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") {
		t.Errorf("response = %.100q, want 413", got)
	}
}

// A truncated body must not be stored in part: the sender gets an error and sends
// all of it again.
func TestTruncatedBodyIsRejected(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	lines := "{\"machine\":\"m\",\"values\":{\"a\":1}}\n"
	for name, request := range map[string]string{
		"Content-Length": "Content-Length: 200\r\n\r\n" + lines,
		"long body":      "Content-Length: 100000\r\n\r\n" + strings.Repeat(lines, 1000),
		"chunked":        fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(lines), lines),
	} {
		ours, theirs := socketPair(t)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = p.server.ServeConn(theirs)
		}()
		_, _ = io.WriteString(ours, "POST /api/v1/telemetry HTTP/1.1\r\nHost: x\r\n"+request)
		_ = ours.CloseWrite()
		if got, _ := io.ReadAll(ours); !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
			t.Errorf("truncated body, %s: response %.100q, want 400", name, got)
		}
		<-ended
	}
	if a := p.get(t, "/api/v1/latest"); strings.Contains(a.body, `"m"`) {
		t.Errorf("readings of a truncated body are stored: %s", a.body)
	}
}

// socketPair returns the ends of a connection that can be half-closed.
func socketPair(t *testing.T) (ours *net.UnixConn, theirs net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		t.Cleanup(func() { _ = ends[i].Close() })
		_ = ends[i].SetDeadline(time.Now().Add(testTimeout))
	}
	return ends[0].(*net.UnixConn), ends[1]
}

func TestBodyOverMemoryBudgetIsUnavailable(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) { o.IngestMemory = 100 << 10 })
	a := p.post(t, strings.Repeat(" ", 90<<10)+`{"machine":"m","values":{"a":1}}`)
	if a.status != 503 || a.header["Retry-After"] == "" {
		t.Errorf("POST beyond the budget = %+v, want 503 with Retry-After", a)
	}
	if a := p.post(t, `{"machine":"m","values":{"a":1}}`); a.status != 200 {
		t.Errorf("POST after it = %+v: the budget was not given back", a)
	}
}

// failingStore rejects all readings with err.
type failingStore struct {
	factory.Store
	err error
}

func (s failingStore) Append(context.Context, []factory.Reading) (factory.AppendResult, error) {
	return factory.AppendResult{}, s.err
}

func TestStoreErrorIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"queue full": fmt.Errorf("queue: %w", factory.ErrOverloaded),
		"disk full":  fmt.Errorf("write /secret/path: %w", factory.ErrUnavailable),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startServer(t, func(o *api.Options, _ *testServer) {
				o.Store = failingStore{memory.New(memory.Options{AutoRegister: true}), err}
			})
			a := p.post(t, `{"machine":"m","values":{"a":1}}`)
			if a.status != 503 || a.header["Retry-After"] == "" || strings.Contains(a.body, "secret") {
				t.Errorf("POST = %+v, want 503 with Retry-After and no inner detail", a)
			}
		})
	}
}

package control_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"smart-factory-backend/app/control"
)

func TestDialExplainsWhyTheServerIsUnreachable(t *testing.T) {
	t.Parallel()
	missing, dead := socketPath(t), socketPath(t)
	leaveStaleSocket(t, dead)
	tests := map[string]struct{ path, want string }{
		"no socket":     {missing, "not running: no socket at " + missing},
		"no directory":  {filepath.Join(missing, "x"), "not running: no socket at " + filepath.Join(missing, "x")},
		"dead process":  {dead, "not running: no process listens at " + dead + " any more"},
		"relative path": {"no-such.sock", "not running: no socket at no-such.sock"},
	}
	for name, tt := range tests {
		_, err := control.Dial(tt.path)
		if !errors.Is(err, control.ErrNotRunning) || err.Error() != tt.want {
			t.Errorf("%s: Dial() = %v, want %q", name, err, tt.want)
		}
	}
}

func TestClientReceivesBackendErrors(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	startServer(t, path, backend{
		status: func(context.Context) (control.Status, error) { return control.Status{UptimeS: math.NaN()}, nil },
		reload: func(context.Context) (control.ReloadResult, error) {
			return control.ReloadResult{}, errors.New("PORT: want a number\nand \"more\"")
		},
	})
	c := dial(t, path)
	if _, err := c.Reload(t.Context()); err == nil || err.Error() != "PORT: want a number\nand \"more\"" {
		t.Errorf("Reload() = %v, want the error of the Backend", err)
	}
	if _, err := c.Scale(t.Context(), -1); err == nil || err.Error() != "n must be a whole number, at least 0" {
		t.Errorf("Scale(-1) = %v, want that it is refused", err)
	}
	if _, err := c.Status(t.Context()); err == nil || err.Error() != "the response can't be encoded as JSON" {
		t.Errorf("Status() that is no JSON = %v, want an error", err)
	}
}

// serveRawResponse responds to every connection to a new socket with text.
func serveRawResponse(t *testing.T, text string) (path string) {
	t.Helper()
	path = socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return path
}

func TestClientReportsMalformedResponses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ answer, want string }{
		"none":         {"", "closed the connection without a response"},
		"not HTTP":     {"+PONG\r\n", "malformed HTTP"},
		"not JSON":     {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "is invalid"},
		"cut off":      {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{", "read the response from"},
		"another page": {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi", "404 Not Found"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dial(t, serveRawResponse(t, tt.answer)).Reload(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Reload() = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	started := make(chan struct{})
	startServer(t, path, backend{reload: func(ctx context.Context) (control.ReloadResult, error) {
		close(started)
		<-ctx.Done() // which also ends when the client disconnects
		return control.ReloadResult{}, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	if _, err := dial(t, path).Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Reload() with a context that ends = %v, want %v", err, context.Canceled)
	}
}

func TestServerRejectsUnknownRequests(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	startServer(t, path, backend{})
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
	tests := map[string]int{
		"GET /": 404, "GET /reload": 405, "POST /status": 405, "GET /scale?n=1": 405, "POST /scale": 400,
		"POST /scale?n=": 400, "POST /scale?n=1.5": 400, "POST /scale?n=99999999999999999999": 400,
	}
	for call, want := range tests {
		method, target, _ := strings.Cut(call, " ")
		request, err := http.NewRequestWithContext(t.Context(), method, "http://control"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", call, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s = %d, want %d", call, response.StatusCode, want)
		}
	}
}

package cli_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/testkit/porttest"
)

// serverAt returns a change of a configuration to a server at address.
func serverAt(t *testing.T, address string) func(*config.Config) {
	t.Helper()
	addr, err := netip.ParseAddrPort(strings.TrimPrefix(strings.TrimPrefix(address, "http://"), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *config.Config) {
		c.Port = int(addr.Port())
		if strings.HasPrefix(address, "https://") {
			c.TLSCertFile = "cert.pem"
		}
	}
}

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/health" {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestHealthcheckExitCodeFollowsTheResponse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler        http.HandlerFunc
		code           int
		stdout, stderr string
	}{
		"ok":           {respond(200, `{"status":"ok"}`), 0, "{\"status\":\"ok\"}\n", ""},
		"degraded":     {respond(200, `{"status":"degraded"}`), 0, "{\"status\":\"degraded\"}\n", ""},
		"down":         {respond(503, `{"status":"down"}`), 1, "", `responded 503 Service Unavailable: {"status":"down"}`},
		"another page": {respond(404, "no such page"), 1, "", "responded 404 Not Found: no such page"},
		"a redirection": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}, 1, "", "responded 302 Found"},
		"cut off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 1, "", "EOF"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tt.handler)
			defer server.Close()
			got := run(t.Context(), serverAt(t, server.URL), "healthcheck")
			if got.code != tt.code || got.stdout != tt.stdout || !strings.Contains(got.stderr, tt.stderr) {
				t.Errorf("healthcheck = %+v, want exit code %d, %q and %q", got, tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}

func TestHealthcheckAcceptsAnyCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(respond(200, "fine"))
	defer server.Close()
	if got := run(t.Context(), serverAt(t, server.URL), "healthcheck"); got.code != 0 {
		t.Errorf("healthcheck over TLS = %+v, want exit code 0", got)
	}
}

func TestHealthcheckConnectsToTheConfiguredHost(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		host string
		want bool
	}{
		"every address":       {"", true},
		"every IPv4 address":  {"0.0.0.0", true},
		"this very address":   {"127.0.0.1", true},
		"a name":              {"localhost", true},
		"a different address": {"127.0.0.2", false},
	}
	server := httptest.NewServer(respond(200, "fine"))
	defer server.Close()
	for name, tt := range tests {
		got := run(t.Context(), func(c *config.Config) {
			serverAt(t, server.URL)(c)
			c.Host = tt.host
		}, "healthcheck")
		if (got.code == 0) != tt.want {
			t.Errorf("%s: healthcheck with HOST=%q = %+v, want healthy: %v", name, tt.host, got, tt.want)
		}
	}
}

// silentServer accepts connections and never responds; it sends to accepted for
// each connection.
func silentServer(t *testing.T) (address string, accepted <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connected := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			connected <- struct{}{}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String(), connected
}

func TestHealthcheckFailures(t *testing.T) {
	t.Parallel()
	t.Run("on a server that hangs", func(t *testing.T) {
		t.Parallel()
		address, _ := silentServer(t)
		c := config.Default()
		serverAt(t, address)(&c)
		load := func() (config.Config, error) { return c, nil }
		got := runWithTimeout(t.Context(), 0, load, "healthcheck")
		if want := address + " did not respond within 2s"; got.code != 1 || !strings.Contains(got.stderr, want) {
			t.Errorf("healthcheck = %+v, want exit code 1 and %q", got, want)
		}
	})
	t.Run("on a closed port", func(t *testing.T) {
		t.Parallel()
		address := fmt.Sprint("127.0.0.1:", porttest.ForTest(t))
		got := run(t.Context(), serverAt(t, address), "healthcheck")
		if got.code != 1 || !strings.Contains(got.stderr, "connection refused") {
			t.Errorf("healthcheck = %+v, want exit code 1 and that it was refused", got)
		}
	})
	t.Run("without a port", func(t *testing.T) {
		t.Parallel()
		got := run(t.Context(), func(c *config.Config) { c.Port = 0 }, "healthcheck")
		if got.code != 1 || !strings.Contains(got.stderr, "PORT is 0") {
			t.Errorf("healthcheck = %+v, want exit code 1 and that PORT is 0", got)
		}
	})
	t.Run("when its context ends", func(t *testing.T) {
		t.Parallel()
		address, accepted := silentServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-accepted
			cancel()
		}()
		if got := run(ctx, serverAt(t, address), "healthcheck"); got.code != 130 {
			t.Errorf("healthcheck = %+v, want exit code 130", got)
		}
	})
}

func TestSignalEndsACommandWithExitCode130(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		address, accepted := silentServer(t)
		_, port, _ := net.SplitHostPort(address)
		cmd := program(t, []string{"PORT=" + port, "HTTP_PROXY=http://192.0.2.1:1"}, "healthcheck")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-accepted
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 130 {
			t.Errorf("healthcheck after %v: exit code %d, want 130", sig, code)
		}
	}
}

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"smart-factory-backend/app/cli"
)

// telemetryServer records telemetry, and rejects one reading of machine "bad".
type telemetryServer struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	keys   []string
}

func newTelemetryServer(t *testing.T) *telemetryServer {
	t.Helper()
	s := &telemetryServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bodies = append(s.bodies, string(raw))
		s.keys = append(s.keys, r.Header.Get("Authorization"))
		if bytes.Contains(raw, []byte(`"machine":"bad"`)) {
			_, _ = io.WriteString(w, `{"accepted":1,"rejected":1,"errors":[{"pointer":"/0/ts","detail":"no"}]}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"accepted":%d,"rejected":0,"errors":[]}`, bytes.Count(raw, []byte(`"ts":`)))
	}))
	t.Cleanup(s.Close)
	return s
}

// replay runs the sub-command with the given variables.
func replay(ctx context.Context, variables map[string]string, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := cli.Run(ctx, append([]string{"replay"}, args...), cli.Process{
		Stdout: &stdout, Stderr: &stderr, Getenv: func(name string) string { return variables[name] },
	})
	return result{code, stdout.String(), stderr.String()}
}

// recording writes two readings to a file and returns its path.
func recording(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("time,Oil Temp\n2026-01-01 00:00:00,1.5\n2026-01-01 00:00:01,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplayUsesPortAndKeyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	s := newTelemetryServer(t)
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	got := replay(t.Context(), map[string]string{"PORT": port, "API_KEY": "secret"}, recording(t, "press.csv"), "--fast")
	if got.code != 0 || !strings.Contains(got.stdout, "accepted 2, rejected 0") {
		t.Fatalf("replay = %+v, want exit 0 and both accepted", got)
	}
	const want = `[{"machine":"press","ts":1767225600000,"values":{"oil_temp":1.5}},{"machine":"press","ts":1767225601000,"values":{"oil_temp":2}}]`
	if len(s.bodies) != 1 || s.bodies[0] != want || s.keys[0] != "Bearer secret" {
		t.Errorf("the server got %q with %q, want %s with the key", s.bodies, s.keys, want)
	}
}

func TestReplayMachineAndMetricNames(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		flags []string
		want  string
	}{
		"machine":         {[]string{"--machine", "m1"}, `"machine":"m1"`},
		"metric":          {[]string{"--metric", "heat"}, `"values":{"heat":1.5}`},
		"a mapped column": {[]string{"--map", "Oil Temp=warmth"}, `"values":{"warmth":1.5}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTelemetryServer(t)
			got := replay(t.Context(), nil, append(tt.flags, "--url", s.URL, "--fast", recording(t, "press.csv"))...)
			if got.code != 0 || len(s.bodies) != 1 || !strings.Contains(s.bodies[0], tt.want) {
				t.Errorf("replay = %+v, the server got %q; want %s", got, s.bodies, tt.want)
			}
		})
	}
}

func TestReplayWritesJSON(t *testing.T) {
	t.Parallel()
	s := newTelemetryServer(t)
	got := replay(t.Context(), nil, "--json", "--fast", "--url", s.URL, recording(t, "bad.csv"))
	var sum struct {
		Accepted, Rejected int
		Rejections         []string
	}
	if err := json.Unmarshal([]byte(got.stdout), &sum); err != nil || sum.Accepted != 1 || sum.Rejected != 1 || len(sum.Rejections) != 1 {
		t.Errorf("replay --json = %s, %v", got.stdout, err)
	}
	if got.code != 1 {
		t.Errorf("replay with a rejected point exits %d, want 1", got.code)
	}
}

func TestReplayInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := replay(ctx, nil, "--fast", "--url", "http://127.0.0.1:1", recording(t, "press.csv"))
	if got.code != 130 || !strings.Contains(got.stdout, "interrupted") {
		t.Errorf("replay, interrupted = %+v, want exit 130", got)
	}
}

func TestReplayCommandLine(t *testing.T) {
	t.Parallel()
	if got := replay(t.Context(), nil, "-h"); got.code != 0 || got.stderr != "" || !strings.Contains(got.stdout, "\n  --shift-to-now ") ||
		!strings.HasPrefix(got.stdout, "Usage: smart-factory-backend replay [flags] FILE…\n\nPost a recorded") || !strings.Contains(got.stdout, "\n  --batch points ") {
		t.Errorf("replay -h = %+v, want all flags on standard output", got)
	}
	file := recording(t, "press.csv")
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"no file":            {nil, 2, "no recording is named"},
		"an unknown flag":    {[]string{"--fats", file}, 2, "not defined: -fats"},
		"two speeds":         {[]string{"--fast", "--speed", "2", file}, 2, "exclude each other"},
		"speed zero":         {[]string{"--speed", "0", file}, 2, "--speed 0 is not above 0"},
		"speed NaN":          {[]string{"--speed", "NaN", file}, 2, "NaN"},
		"map without metric": {[]string{"--map", "Oil Temp", file}, 2, "want COLUMN=METRIC"},
		"a flag after files": {[]string{file, "--batch", "0"}, 2, "batch 0"},
		"no such column":     {[]string{"--map", "Oil=x", file}, 1, `no column "Oil"`},
		"no such file":       {[]string{file + "x"}, 1, "no such file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := replay(t.Context(), nil, append([]string{"--url", "http://127.0.0.1:1"}, tt.args...)...)
			if got.code != tt.code || !strings.Contains(got.stderr, tt.want) || got.stdout != "" {
				t.Errorf("replay %q = %+v, want exit %d and %q", tt.args, got, tt.code, tt.want)
			}
		})
	}
}

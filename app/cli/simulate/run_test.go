package simulate_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cli/simulate"
)

// server answers as the product does, as far as the simulation needs it.
type server struct {
	mu       sync.Mutex
	requests []string
	bodies   map[string][]byte
	// status overrides the one of a method and a path's beginning.
	status map[string]int
	// posted is called after each POST.
	posted func(path string, n int)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	status := http.StatusOK
	for prefix, other := range s.status {
		if strings.HasPrefix(r.Method+" "+r.URL.Path, prefix) {
			status = other
		}
	}
	if status >= http.StatusBadRequest {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"status":%d,"detail":"said by the server"}`, status)
		return
	}
	s.bodies[r.URL.Path] = append(s.bodies[r.URL.Path], body...)
	_, _ = io.WriteString(w, `{"readings":[],"alarms":[],"accepted":1,"rejected":0}`)
	if r.Method == http.MethodPost && s.posted != nil {
		s.posted(r.URL.Path, len(s.requests))
	}
}

// run simulates until the server cancels or the simulation fails.
func run(t *testing.T, s *server, days float64) (log string, err error) {
	t.Helper()
	s.bodies = map[string][]byte{}
	h := httptest.NewServer(s)
	defer h.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.posted = func(path string, _ int) {
		if path == "/api/v1/telemetry" && days == 0 || bytes.Count(s.bodies[path], []byte(`"filler-1"`)) > 100 {
			cancel()
		}
	}
	var out bytes.Buffer
	err = simulate.Run(ctx, simulate.Options{URL: h.URL, Seed: 1, Days: days, Machines: 8, EventRate: 1, Zone: "Europe/Berlin", Log: &out})
	return out.String(), err
}

func TestRunDescribesThePlantAndReports(t *testing.T) {
	t.Parallel()
	s := &server{}
	log, err := run(t, s, 0)
	if err != nil || !strings.Contains(log, "live") {
		t.Fatalf("Run = %v, it says %q", err, log)
	}
	for _, want := range []string{"PUT /api/v1/machines/filler-1", "PUT /api/v1/machines/mill-1/metrics/vibration", "PUT /api/v1/products/cola-05", "PUT /api/v1/shifts/night", "PUT /api/v1/alarm-rules/fault", "POST /api/v1/telemetry"} {
		if !strings.Contains(strings.Join(s.requests, "\n")+"\n", want+"\n") {
			t.Errorf("no request %s", want)
		}
	}
}

func TestRunFillsInThePast(t *testing.T) {
	t.Parallel()
	s := &server{}
	if log, err := run(t, s, 1); err != nil {
		t.Fatalf("Run = %v, it says %q", err, log)
	}
	if n := bytes.Count(s.bodies["/api/v1/telemetry"], []byte(`"filler-1"`)); n < 50 {
		t.Errorf("%d reports of filler-1, want many in each request", n)
	}
}

func TestRunLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	s := &server{status: map[string]int{"PUT /api/v1/machines": 412, "PUT /api/v1/shifts": 409}}
	log, err := run(t, s, 0)
	if err != nil || !strings.Contains(log, "there already") || !strings.Contains(log, "left out /api/v1/shifts/early") {
		t.Errorf("Run = %v, it says %q; want what it left out", err, log)
	}
}

func TestRunSaysWhichRoleItNeeds(t *testing.T) {
	t.Parallel()
	_, err := run(t, &server{status: map[string]int{"PUT": 403}}, 0)
	if err == nil || !strings.Contains(err.Error(), "role admin") || !strings.Contains(err.Error(), "said by the server") {
		t.Errorf("Run = %v, want the needed role and the server's words", err)
	}
}

func TestRunSaysThatTheServerIsMissing(t *testing.T) {
	t.Parallel()
	err := simulate.Run(t.Context(), simulate.Options{URL: "http://127.0.0.1:1", Machines: 8, EventRate: 1, Zone: "UTC", Log: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "Is the server running?") {
		t.Errorf("Run = %v, want how to start the server", err)
	}
}

// Readings that could not be sent are sent when the server is back.
func TestRunKeepsReadingsWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	s := &server{bodies: map[string][]byte{}, status: map[string]int{"POST /api/v1/telemetry": 503}}
	h := httptest.NewServer(s)
	defer h.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	log := &notifier{text: "are kept", found: func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.status = nil
		s.posted = func(string, int) {
			if bytes.Count(s.bodies["/api/v1/telemetry"], []byte(`"filler-1"`)) >= 2 {
				cancel()
			}
		}
	}}
	if err := simulate.Run(ctx, simulate.Options{URL: h.URL, Seed: 1, Machines: 8, EventRate: 1, Zone: "UTC", Log: log}); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(s.bodies["/api/v1/telemetry"], []byte(`"filler-1"`)); n < 2 || !strings.Contains(log.String(), "takes readings again") {
		t.Errorf("%d reports arrived; it says %q", n, log.String())
	}
}

// notifier is a log that calls found when it has a text.
type notifier struct {
	bytes.Buffer
	text  string
	found func()
}

func (n *notifier) Write(p []byte) (int, error) {
	written, err := n.Buffer.Write(p)
	if n.found != nil && strings.Contains(n.String(), n.text) {
		n.found()
		n.found = nil
	}
	return written, err
}

package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/testkit/porttest"
)

// Without its database the server starts, is alive and not ready, and refuses
// readings in a way that senders repeat.
func TestStartWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	away := "DATABASE_URL=postgres://u:secret@127.0.0.1:" + strconv.Itoa(porttest.ForTest(t)) + "/d"
	a, log := launchWith(t, testSettings(t, away))
	addr := "http://" + a.supervisor.Addr().String()
	for path, want := range map[string]int{"/api/health": 200, "/api/health/startup": 200, "/api/health/ready": 503, "/api/v1/latest": 503, "/api/v1/machines": 503} {
		if got := status(t, "GET", addr+path); got != want {
			t.Errorf("GET %s = %d, want %d", path, got, want)
		}
	}
	resp, err := http.Post(addr+"/api/v1/telemetry", "application/json", strings.NewReader(`{"machine":"m","values":{"a":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("POST telemetry = %d with Retry-After %q, want 503 with one", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	if text := log.String(); strings.Count(text, "waiting for the database") != 1 || strings.Contains(text, "secret") || strings.Contains(text, "msg=ready") {
		t.Errorf("the log is\n%s", text)
	}
}

func TestStartGivesUpOnTheDatabaseAfterStoreWait(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]string{"within the first attempt": "100ms", "later": "2500ms"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			away := "DATABASE_URL=postgres://u:secret@127.0.0.1:" + strconv.Itoa(porttest.ForTest(t)) + "/d"
			a, _ := newApp(t, testSettings(t, away, "STORE_WAIT="+wait))
			err := a.Run(context.Background())
			if err == nil || !strings.Contains(err.Error(), "cannot be reached") || See(err) != "/manual/troubleshoot#database-unreachable" || strings.Contains(err.Error(), "secret") {
				t.Errorf("Run() = %v, see %s", err, See(err))
			}
		})
	}
}

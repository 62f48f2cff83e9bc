//go:build integration

package system_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/testkit/postgrestest"
)

// Replicas agree which metrics keep the names of an earlier release, whichever of them
// gets a line and however often they start. Rooms show metrics with tags.
func TestReplicasNameMetricsOfLinesAlike(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.New("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	beginPostgres(t, server.URL(""))
	var replicas []*process
	for range 2 {
		replicas = append(replicas, start(t, t.TempDir(), "DATABASE_URL="+server.URL("")))
	}
	const lines = "cpu,cpu=cpu0,host=e usage=%d,idle=%d\ncpu,cpu=cpu1,host=f usage=%d\n"
	write := func(p *process, path string, n int) {
		t.Helper()
		if status, body := p.change("POST", path, fmt.Sprintf(lines, n, n, n)); status != 204 {
			t.Fatalf("POST %s = %d %s, want 204", path, status, body)
		}
	}
	seen := replicas[0].stream("all")
	write(replicas[0], "/api/v2/write", 1)
	tagged, earlier := false, false
	for message := range seen {
		tagged = tagged || strings.Contains(message, `"metric":"cpu_usage{cpu=\"cpu1\"}"`)
		earlier = earlier || strings.Contains(message, `"metric":"usage","ts":17`)
		if tagged && earlier {
			break
		}
	}
	if !tagged || !earlier {
		t.Errorf("the room has shown the metric with tags: %v, the earlier one: %v", tagged, earlier)
	}
	write(replicas[1], "/write?db=any", 2)
	replicas[0].signal(syscall.SIGKILL)
	replicas[0].wait()
	write(start(t, t.TempDir(), "DATABASE_URL="+server.URL("")), "/api/v2/write", 3)

	var page struct {
		Readings []struct{ Machine, Metric string }
	}
	_, body := replicas[1].get("/api/v1/latest")
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(page.Readings), `[{e cpu_idle{cpu="cpu0"}} {e usage} {f cpu_usage{cpu="cpu1"}}]`; got != want {
		t.Errorf("metrics = %s, want %s", got, want)
	}
}

// beginPostgres stores a reading as a release before INFLUX_TAGS did.
func beginPostgres(t *testing.T, url string) {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: url, AutoRegister: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(t.Context(), []factory.Reading{{Machine: "e", Metric: "usage", ObservedAt: 1_700_000_000_000}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

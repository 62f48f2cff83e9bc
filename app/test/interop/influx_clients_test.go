//go:build integration

package interop_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

func TestIntegrationInfluxJavaScriptClients(t *testing.T) {
	t.Parallel()
	server := startBackend(t, "API_KEYS="+apiKeys)
	runScript(t, 2*waitTimeout, "influx-clients.js", server.url(), readerKey, ingestKey)
	server.expectRunning()
}

// The Go client sends batches of 5000 points by default, and drops a batch that is
// refused.
func TestIntegrationInfluxGoClient(t *testing.T) {
	t.Parallel()
	server := startBackend(t, "API_KEYS="+apiKeys)
	client := influxdb2.NewClient(server.url(), ingestKey)
	defer client.Close()
	if ok, err := client.Ping(t.Context()); err != nil || !ok {
		t.Errorf("Ping = %v, %v, want true", ok, err)
	}
	if health, err := client.Health(t.Context()); err != nil || health.Status != "pass" {
		t.Errorf("Health = %+v, %v, want pass", health, err)
	}
	if ready, err := client.Ready(t.Context()); err != nil || ready.Status == nil || *ready.Status != "ready" {
		t.Errorf("Ready = %+v, %v, want ready", ready, err)
	}
	if bucket, err := client.BucketsAPI().FindBucketByName(t.Context(), "plant"); err != nil || bucket.Name != "plant" {
		t.Errorf("FindBucketByName = %+v, %v, want plant", bucket, err)
	}

	const n = 20_000
	write := client.WriteAPI("any", "any")
	failures := write.Errors()
	begin := time.Unix(firstLineTime, 0)
	for i := range n {
		write.WritePoint(influxdb2.NewPoint("press", map[string]string{"machine": "go", "cavity": "2"},
			map[string]any{"temperature": float64(i) / 8, "strokes": i, "open": i%2 == 1, "state": fmt.Sprint("shot ", i)}, begin.Add(time.Duration(i)*time.Second)))
	}
	write.Flush()
	select {
	case err := <-failures:
		t.Fatalf("write = %v", err)
	default:
	}
	points, err := server.history("go", `press_temperature{cavity="2"}`)
	if err != nil || len(points) != n || points[n-1] != [2]float64{float64(firstLineTime+n-1) * 1000, float64(n-1) / 8} {
		t.Fatalf("history = %d points (%v), want %d", len(points), err, n)
	}

	blocking := client.WriteAPIBlocking("any", "any")
	err = blocking.WriteRecord(t.Context(), fmt.Sprintf("press,machine=go temperature=1 %d", firstLineTime))
	if refusal, ok := errors.AsType[*influxhttp.Error](err); !ok || refusal.StatusCode != http.StatusBadRequest || !strings.Contains(refusal.Message, "write with precision=s") {
		t.Errorf("seconds without a precision = %v, want 400 that names precision=s", err)
	}
	seconds := influxdb2.NewClientWithOptions(server.url(), "any:"+ingestKey, influxdb2.DefaultOptions().SetPrecision(time.Second).SetUseGZip(true))
	defer seconds.Close()
	if err := seconds.WriteAPIBlocking("", "db/autogen").WritePoint(t.Context(), influxdb2.NewPoint("press", map[string]string{"machine": "go"}, map[string]any{"temperature": 1}, begin)); err != nil {
		t.Errorf("with the credentials of InfluxDB 1.8, in seconds = %v", err)
	}
}

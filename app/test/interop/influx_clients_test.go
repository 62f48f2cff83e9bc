//go:build integration

package interop_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
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

// influxExport is what influx_inspect of InfluxDB 1 exports.
const influxExport = `# INFLUXDB EXPORT: 1677-09-21T00:12:43Z - 2262-04-11T23:47:16Z
# DDL
CREATE DATABASE telegraf WITH NAME autogen
# DML
# CONTEXT-DATABASE:telegraf
# CONTEXT-RETENTION-POLICY:autogen
# writing tsm data
cpu,cpu=cpu0,host=edge-1 usage_idle=90.5 1700000000000000000
cpu,cpu=cpu0,host=edge-1 usage_idle=91.5 1700000010000000000
disk,device=sda1,host=edge-1,path=/var/my\ data used=5i 1700000000000000000
# writing wal data
cpu,cpu=cpu1,host=edge-1 usage_idle=1 1700000000000000000
`

// The command line of InfluxDB 1 writes, and imports what another database exported.
func TestIntegrationInfluxCommandLine(t *testing.T) {
	t.Parallel()
	server := startBackend(t, "API_KEYS="+apiKeys)
	address, err := url.Parse(server.url())
	if err != nil {
		t.Fatal(err)
	}
	influx := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "influx", append([]string{"-host", address.Hostname(), "-port", address.Port(), "-username", "any", "-password", ingestKey}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir()) // where it writes its history
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := influx("-execute", "CREATE DATABASE plant; SHOW DATABASES"); err != nil || !strings.Contains(out, "name: databases") {
		t.Errorf("databases = %s, %v", out, err)
	}
	if out, err := influx("-database", "plant", "-execute", "INSERT press,machine=cli temperature=71.5"); err != nil {
		t.Errorf("INSERT = %s, %v", out, err)
	}
	if points, err := server.history("cli", "press_temperature"); err != nil || len(points) != 1 || points[0][1] != 71.5 {
		t.Errorf("history = %v, %v, want 71.5", points, err)
	}
	if out, err := influx("-database", "plant", "-execute", "SELECT * FROM press"); err == nil || !strings.Contains(out, "not supported: SELECT * FROM press") {
		t.Errorf("SELECT = %s, %v, want an error that says so", out, err)
	}
	file := filepath.Join(t.TempDir(), "export")
	if err := os.WriteFile(file, []byte(influxExport), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := influx("-import", "-path="+file, "-precision=ns"); err != nil || !strings.Contains(out, "Processed 4 inserts") || !strings.Contains(out, "Failed 0 inserts") {
		t.Errorf("import = %s, %v, want 4 inserts", out, err)
	}
	for metric, want := range map[string][][2]float64{
		`cpu_usage_idle{cpu="cpu0"}`:                   {{1700000000000, 90.5}, {1700000010000, 91.5}},
		`cpu_usage_idle{cpu="cpu1"}`:                   {{1700000000000, 1}},
		`disk_used{device="sda1",path="/var/my data"}`: {{1700000000000, 5}},
	} {
		if points, err := server.history("edge-1", metric); err != nil || fmt.Sprint(points) != fmt.Sprint(want) {
			t.Errorf("%s = %v, %v, want %v", metric, points, err, want)
		}
	}
}

//go:build integration

package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// hostConfig measures the host that Telegraf runs on, with every tag that the inputs
// have.
const hostConfig = `
[agent]
  interval = "200ms"
  flush_interval = "200ms"
  hostname = "%s"

[[inputs.cpu]]
  percpu = true
  totalcpu = true
  collect_cpu_time = true
[[inputs.mem]]
[[inputs.disk]]
`

// The outputs of the manual.
const (
	outputV2 = `
[[outputs.influxdb_v2]]
  urls = ["%s"]
  token = "%s"
  organization = "any"
  bucket = "any"
`
	outputV1 = `
[[outputs.influxdb]]
  urls = ["%s"]
  database = "any"
  username = "any"
  password = "%s"
`
)

// expectedMetrics returns the names that the metrics of lines must have, by the rules of
// the manual.
func expectedMetrics(t *testing.T, lines []byte) (names []string) {
	t.Helper()
	d := lineprotocol.NewDecoderWithBytes(lines)
	for d.Next() {
		measurement, err := d.Measurement()
		if err != nil {
			t.Fatal(err)
		}
		var labels []string
		for {
			key, value, err := d.NextTag()
			if err != nil {
				t.Fatal(err)
			}
			if key == nil {
				break
			}
			if string(key) != "host" {
				labels = append(labels, fmt.Sprintf("%s=%q", key, value))
			}
		}
		slices.Sort(labels)
		suffix := ""
		if len(labels) > 0 {
			suffix = "{" + strings.Join(labels, ",") + "}"
		}
		for {
			key, _, err := d.NextField()
			if err != nil {
				t.Fatal(err)
			}
			if key == nil {
				break
			}
			names = append(names, string(measurement)+"_"+string(key)+suffix)
		}
	}
	return names
}

// latestMetrics returns the metrics of a machine.
func (p *process) latestMetrics(machine string) (names []string) {
	p.t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.url()+"/api/v1/latest?limit=1000&machine="+machine, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+readerKey)
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var page struct {
		Readings []struct{ Metric string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		p.t.Fatal(err)
	}
	for _, r := range page.Readings {
		names = append(names, r.Metric)
	}
	return names
}

// A Telegraf that measures its own host has each of its values stored: those of each
// core, and of each file system beside those of the memory. It writes by the outputs
// for both versions of InfluxDB.
func TestIntegrationTelegrafMeasuresItsHost(t *testing.T) {
	t.Parallel()
	server := startBackend(t, "API_KEYS="+apiKeys)
	for host, output := range map[string]string{"host-v2": outputV2, "host-v1": outputV1} {
		config := filepath.Join(t.TempDir(), "telegraf.conf")
		text := fmt.Sprintf(hostConfig, host) + fmt.Sprintf(output, server.url(), ingestKey)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		printed, err := exec.CommandContext(t.Context(), telegrafBinary(t), "--config", config, "--test", "--quiet").Output()
		if err != nil {
			t.Fatalf("telegraf --test: %v", err)
		}
		var lines bytes.Buffer
		for scan := bufio.NewScanner(bytes.NewReader(printed)); scan.Scan(); {
			if line, ok := strings.CutPrefix(scan.Text(), "> "); ok {
				lines.WriteString(line + "\n")
			}
		}
		// A file system that is mounted twice is measured twice, as one series.
		want := slices.Compact(slices.Sorted(slices.Values(expectedMetrics(t, lines.Bytes()))))
		if len(want) < 30 {
			t.Fatalf("Telegraf measures %q, want more", want)
		}
		agent := launch(t, &process{
			name:  "Telegraf " + host,
			make:  func() *exec.Cmd { return exec.Command(telegrafBinary(t), "--config", config) },
			ready: func() bool { return len(server.latestMetrics(host)) > 0 },
		})
		eventually(t, fmt.Sprintf("the metrics %q of %s", want, host), func() bool {
			stored := server.latestMetrics(host)
			return !slices.ContainsFunc(want, func(name string) bool { return !slices.Contains(stored, name) })
		})
		agent.stop(syscall.SIGTERM)
		if log := agent.log.String(); strings.Contains(log, "E! ") {
			t.Errorf("Telegraf's log has errors:\n%s", log)
		}
	}
}

//go:build integration

package interop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// telegrafConfig has the output from the manual, a device that is polled over Modbus and
// a file that another program appends to. Batches exceed the maximum request size.
const telegrafConfig = `
[agent]
  interval = "100ms"
  flush_interval = "100ms"
  metric_batch_size = 15000
  metric_buffer_limit = 200000
  hostname = "edge-1"
  skip_processors_after_aggregators = true

[[outputs.influxdb_v2]]
  urls = ["%s"]
  token = "%s"
  organization = "any"
  bucket = "any"

[[inputs.modbus]]
  name = "press"
  slave_id = 1
  controller = "tcp://%s"
  holding_registers = [
    {name = "strokes", byte_order = "AB", data_type = "UINT16", scale = 1.0, address = [0]},
    {name = "temperature", byte_order = "ABCD", data_type = "FLOAT32", scale = 1.0, address = [1, 2]},
  ]

[[inputs.tail]]
  files = ["%s"]
  initial_read_offset = "beginning"
  watch_method = "poll"
  max_undelivered_lines = 50000
  data_format = "influx"
`

// telegrafBinary returns the path where make setup installs Telegraf.
func telegrafBinary(t *testing.T) string {
	t.Helper()
	versions, err := os.ReadFile("../../../.ci/tools.mk")
	if err != nil {
		t.Fatal(err)
	}
	name := "telegraf"
	for _, variable := range []string{"TELEGRAF_VERSION", "TELEGRAF_BUILD"} {
		value := regexp.MustCompile(`(?m)^` + variable + ` := (\S+)$`).FindSubmatch(versions)
		if value == nil {
			t.Fatal(".ci/tools.mk has no " + variable)
		}
		name += "-" + string(value[1])
	}
	path, err := filepath.Abs("../../../bin/tools/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal("run make setup: ", err)
	}
	return path
}

// lineFile is a file of line protocol to which a program appends readings of the
// machines mould-0 to mould-4.
type lineFile struct {
	t    *testing.T
	path string
	n    int // lines written
}

const (
	machineCount  = 5
	firstLineTime = 1_700_000_000 // Unix time in seconds
)

func (m *lineFile) write(n int) {
	m.t.Helper()
	var text strings.Builder
	for range n {
		fmt.Fprintf(&text, "mould,machine=mould-%d,cavity=2 pressure=%d.5,open=%v,note=\"shot %d\" %d000000000\n",
			m.n%machineCount, m.n, m.n%2 == 1, m.n, firstLineTime+m.n)
		m.n++
	}
	m.append(text.String())
}

// labels returns the labels of the metrics, which Telegraf adds its own tags to.
func (m *lineFile) labels() string {
	return fmt.Sprintf(`{cavity="2",host="edge-1",path=%q}`, m.path)
}

func (m *lineFile) append(text string) {
	m.t.Helper()
	file, err := os.OpenFile(m.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		m.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		m.t.Fatal(err)
	}
}

// history returns the stored points of a metric.
func (p *process) history(machine, metric string) (points [][2]float64, err error) {
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/api/v1/machines/%s/history?metric=%s", p.url(), machine, url.QueryEscape(metric)), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+readerKey)
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET history = %s, want 200", resp.Status)
	}
	var history struct {
		Series []struct{ Points [][2]float64 }
	}
	if err := json.NewDecoder(resp.Body).Decode(&history); err != nil || len(history.Series) == 0 {
		return nil, err
	}
	return history.Series[0].Points, nil
}

// expectLines waits until all lines of m are stored and checks each of them.
func (p *process) expectLines(m *lineFile) {
	p.t.Helper()
	for machine := range machineCount {
		name := fmt.Sprint("mould-", machine)
		want := (m.n - machine + machineCount - 1) / machineCount
		var points [][2]float64
		eventually(p.t, fmt.Sprintf("%d points of %s", want, name), func() bool {
			points, _ = p.history(name, "mould_pressure"+m.labels())
			return len(points) >= want
		})
		for i, point := range points {
			line := i*machineCount + machine
			if line >= m.n || point != [2]float64{float64(firstLineTime+line) * 1000, float64(line) + 0.5} {
				p.t.Fatalf("point %[2]d of %[1]s = %[3]v, want that of line %[4]d", name, i, point, line)
			}
		}
		open, err := p.history(name, "mould_open"+m.labels())
		if err != nil || len(open) != want || open[1][1] != float64((machine+machineCount)%2) {
			p.t.Fatalf("%s: %d values of open (%v), want %d", name, len(open), err, want)
		}
	}
}

// An unmodified Telegraf with the output of the manual loses no reading: not when a batch
// is too large, when the server is killed, or when its store fails. Of a batch with an
// invalid line it loses only that line.
func TestIntegrationTelegrafLosesNothing(t *testing.T) {
	t.Parallel()
	dir, data := t.TempDir(), t.TempDir()
	server := startBackend(t, "API_KEYS="+apiKeys, "DATA_DIR="+data, "MAX_POINTS_PER_REQUEST=3000")
	machine := startModbusDevice(t)
	lines := &lineFile{t: t, path: filepath.Join(dir, "lines")}
	lines.write(20_000)
	config := filepath.Join(dir, "telegraf.conf")
	text := fmt.Sprintf(telegrafConfig, server.url(), ingestKey, machine.address, lines.path)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	agent := launch(t, &process{
		name:  "Telegraf",
		make:  func() *exec.Cmd { return exec.Command(telegrafBinary(t), "--config", config) },
		ready: func() bool { return machine.reads.Load() > 0 },
	})
	expectLog := func(what string) {
		t.Helper()
		eventually(t, what+" in Telegraf's log", func() bool { return strings.Contains(agent.log.String(), what) })
	}
	server.expectLines(lines)
	expectLog("request was too large (413)")

	server.stop(syscall.SIGKILL)
	lines.write(5_000)
	expectLog("connection refused")
	server.start()
	server.expectLines(lines)

	// The store writes the file again from its open descriptor.
	if err := os.Remove(filepath.Join(data, "smart-factory.db")); err != nil {
		t.Fatal(err)
	}
	lines.write(5_000)
	expectLog("503 Service Unavailable")
	server.expectLines(lines)

	lines.append(fmt.Sprintf("mould,machine=mould-0 pressure=1 %d\n", time.Now().Add(time.Hour).UnixNano()))
	lines.write(100)
	expectLog("(will be dropped: 400 Bad Request)")
	server.expectLines(lines)

	agent.stop(syscall.SIGTERM) // it sends what it has buffered
	reads := int(machine.reads.Load())
	const device = `{name="press",slave_id="1",type="holding_register"}`
	strokes, err := server.history("edge-1", "modbus_strokes"+device)
	if err != nil || len(strokes) < reads-1 || len(strokes) > reads {
		t.Fatalf("%d strokes stored, %v, want one for each of %d reads", len(strokes), err, reads)
	}
	temperatures, err := server.history("edge-1", "modbus_temperature"+device)
	if err != nil || len(temperatures) != len(strokes) {
		t.Fatalf("%d temperatures stored, %v, want %d as of strokes", len(temperatures), err, len(strokes))
	}
	for i, stroke := range strokes {
		if want := temperatureAfter(i + 1); stroke[1] != float64(i+1) || temperatures[i] != [2]float64{stroke[0], want} {
			t.Fatalf("stored values of read %d = %v and %v, want %d and %v", i+1, stroke, temperatures[i], i+1, want)
		}
	}
}

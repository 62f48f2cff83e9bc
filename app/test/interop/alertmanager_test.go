//go:build integration

package interop_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startAlertmanager starts Debian's Alertmanager, which notifies nobody.
func startAlertmanager(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{name: "prometheus-alertmanager", port: freePort(t)}
	p.make = func() *exec.Cmd {
		return exec.Command(p.name, "--config.file="+config, "--storage.path="+dir,
			"--cluster.listen-address=", "--web.listen-address=127.0.0.1:"+p.port)
	}
	p.ready = func() bool { return respondsOK(p.url() + "/-/ready") }
	return launch(t, p)
}

// firingAlert is an alert of Alertmanager's API that has not ended.
type firingAlert struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
}

// wantFiring waits until Alertmanager has one alert for each of the machines, and
// returns the alerts by machine.
func wantFiring(t *testing.T, alertmanager *process, machines ...string) (firing map[string]firingAlert) {
	t.Helper()
	eventually(t, fmt.Sprint("alerts of ", machines), func() bool {
		_, body := get(t, alertmanager.url()+"/api/v2/alerts")
		var list []firingAlert
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		firing = map[string]firingAlert{}
		for _, a := range list {
			firing[a.Labels["machine"]] = a
		}
		return len(list) == len(machines) && slices.Equal(slices.Sorted(maps.Keys(firing)), machines)
	})
	return firing
}

// send sends a request to the server, which must succeed.
func (p *process) send(method, path, body string) {
	p.t.Helper()
	request, err := http.NewRequest(method, p.url()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode/100 != 2 {
		p.t.Fatalf("%s %s = %s %s, %v", method, path, resp.Status, text, err)
	}
}

func (p *process) sendTemperature(machine string, value float64) {
	p.t.Helper()
	p.send(http.MethodPost, "/api/v1/telemetry", fmt.Sprintf(`{"machine":%q,"values":{"temperature":%v}}`, machine, value))
}

// A real Alertmanager knows the active alarms that nobody has hidden, also after the
// server was killed while it was away.
func TestIntegrationAlertmanagerKnowsActiveAlarms(t *testing.T) {
	t.Parallel()
	alertmanager := startAlertmanager(t)
	server := startBackend(t, "ALERTMANAGER_URL="+alertmanager.url())
	server.send(http.MethodPut, "/api/v1/machines/press", `{"site":"north","area":"hall 1","line":"l1"}`)
	for _, machine := range []string{"press", "drill", "Säge 2"} {
		server.sendTemperature(machine, 79)
	}
	server.send(http.MethodPut, "/api/v1/alarm-rules/hot", `{"name":"Too hot","scope":{},"metric":"temperature",
		"when":{"op":">","limit":80},"severity":"high","cause":"the coolant \"is\" low","consequence":"scrap","response":"open the valve <1>"}`)
	server.sendTemperature("press", 81.5)
	server.sendTemperature("drill", 90)
	firing := wantFiring(t, alertmanager, "drill", "press")
	press := firing["press"]
	for name, want := range map[string]string{
		"alertname": "Too hot", "rule": "hot", "machine": "press", "metric": "temperature", "severity": "high",
	} {
		if press.Labels[name] != want {
			t.Errorf("label %s = %q, want %q", name, press.Labels[name], want)
		}
	}
	if line := press.Labels["line"]; !strings.HasSuffix(line, "l1") {
		t.Errorf("label line = %q, want l1", line)
	}
	for name, want := range map[string]string{
		"cause": `the coolant "is" low`, "consequence": "scrap", "response": "open the valve <1>", "value": "81.5", "limit": "80",
	} {
		if press.Annotations[name] != want {
			t.Errorf("annotation %s = %q, want %q", name, press.Annotations[name], want)
		}
	}
	if left := time.Until(press.EndsAt); left < time.Minute || left > time.Hour {
		t.Errorf("the alert ends in %v, want some minutes: it is reported again until it ends", left)
	}

	drill := firing["drill"].Annotations["alarm"]
	server.send(http.MethodPost, "/api/v1/alarms/"+drill+"/shelve", `{"reason":"maintenance"}`)
	wantFiring(t, alertmanager, "press")
	server.send(http.MethodPost, "/api/v1/alarms/"+drill+"/unshelve", "")
	wantFiring(t, alertmanager, "drill", "press")
	server.send(http.MethodPost, "/api/v1/alarms/"+drill+"/ack", "") // still active

	alertmanager.stop(syscall.SIGTERM)
	server.sendTemperature("press", 20)
	server.sendTemperature("Säge 2", 99)
	server.stop(syscall.SIGKILL)
	server.start()
	alertmanager.start()
	wantFiring(t, alertmanager, "Säge 2", "drill")
	server.sendTemperature("drill", 20)
	server.sendTemperature("Säge 2", 20)
	wantFiring(t, alertmanager)
}

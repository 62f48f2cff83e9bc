package server

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/testkit/porttest"
)

// TestRedisIsAway: without Redis the server serves its own clients, logs the
// fault once and reports it.
func TestRedisIsAway(t *testing.T) {
	a, log := launchWith(t, testSettings(t, "REDIS_URL=redis://:secret@127.0.0.1:"+strconv.Itoa(porttest.ForTest(t))))
	waitUntil(t, "the log says that Redis is away", func() bool { return strings.Contains(log.String(), "redis is away") })
	if text := scrape(t, a); !strings.Contains(text, "smartfactory_redis_connected 0\n") {
		t.Error("the metrics do not have smartfactory_redis_connected 0")
	}
	addr := a.supervisor.Addr().String()
	resp, err := http.Get("http://" + addr + "/api/health")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"status":"degraded"`) || !strings.Contains(string(body), `"redis":"failing"`) {
		t.Errorf("GET /api/health = %d %s, %v, want 200 and degraded by redis", resp.StatusCode, body, err)
	}
	if got := status(t, "GET", "http://"+addr+"/api/health/ready"); got != http.StatusOK {
		t.Errorf("GET /api/health/ready = %d, want 200: all replicas share Redis", got)
	}
	connect(t, dial(t, addr+"/socket.io/?EIO=4&transport=websocket"))
	if text := log.String(); strings.Count(text, "redis is away") != 1 || strings.Contains(text, "secret") {
		t.Errorf("the log is\n%s\nwant one line about Redis, without the password", text)
	}
}

// TestEventStreamBeginsWithASnapshotOfEachRoom: rooms are separated by commas
// or given in several parameters.
func TestEventStreamBeginsWithASnapshotOfEachRoom(t *testing.T) {
	_, addr := launch(t)
	resp, err := http.Get("http://" + addr + "/api/v1/stream?rooms=alarms,machine:a&rooms=machine:b&room=machine:c,d")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var rooms []string
	lines := bufio.NewScanner(resp.Body)
	for len(rooms) < 4 && lines.Scan() {
		for _, room := range []string{"alarms", "machine:a", "machine:b", "machine:c,d"} {
			if strings.HasPrefix(lines.Text(), "data:") && strings.Contains(lines.Text(), `"room":"`+room+`"`) {
				rooms = append(rooms, room)
			}
		}
	}
	if len(rooms) != 4 {
		t.Errorf("the stream has snapshots of %v, want four rooms; %v", rooms, lines.Err())
	}
}

func TestSocketIORefusesForeignOrigins(t *testing.T) {
	_, addr := launch(t, "API_KEYS=reader:read:first-secret-of-the-reader")
	url := "http://" + addr + "/socket.io/?EIO=4&transport=polling"
	if got := status(t, "GET", url, "Origin", "https://elsewhere.example"); got != http.StatusForbidden {
		t.Errorf("a handshake from a foreign origin gets %d, want 403", got)
	}
	if got := status(t, "GET", url, "Origin", "http://"+addr); got != http.StatusOK {
		t.Errorf("a handshake from the own origin gets %d, want 200", got)
	}
}

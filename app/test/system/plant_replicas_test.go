//go:build integration

package system_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/testkit/postgrestest"
)

// change sends a request with a body and returns the status and the body of the
// response.
func (p *process) change(method, path, body string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// Replicas agree about documents and events: of overlapping shifts that are put
// through different replicas at once, one is stored; every replica returns the same
// events in the same order, and moves a machine on its clients' screens.
func TestReplicasShareDocumentsAndEvents(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.New("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	var replicas []*process
	for range 3 {
		replicas = append(replicas, start(t, t.TempDir(), "DATABASE_URL="+server.URL("")))
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i := range 12 {
		wg.Go(func() {
			status, _ := replicas[i%3].change("PUT", fmt.Sprint("/api/v1/shifts/s", i), `{"tz":"UTC","days":["mon"],"start":"06:00","end":"14:00"}`)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	wg.Wait()
	if statuses[201] != 1 || statuses[409] != 11 {
		t.Errorf("statuses = %v, want 201 once and 409 otherwise", statuses)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+replicas[2].addr+"/api/v1/stream?rooms=line:s/a/l", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	replicas[0].change("POST", "/api/v1/telemetry", `{"machine":"press","values":{"v":1}}`)
	replicas[0].change("PUT", "/api/v1/machines/press", `{"path":"s/a/l"}`)
	seen := make(chan string, 1)
	go func() { // ends with the stream
		for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
			if strings.Contains(lines.Text(), `"machine":"press"`) {
				seen <- lines.Text()
				return
			}
		}
	}()
	select {
	case <-seen:
	case <-time.After(time.Minute):
		t.Error("the line's room of another replica does not show the machine that was moved into it")
	}

	var logs [3]string
	for i, p := range replicas {
		p.eventually("all events", func() bool {
			var page struct {
				Events  []json.RawMessage
				LastSeq int64 `json:"last_seq"`
			}
			status, body := p.get("/api/v1/events?wait=5s")
			logs[i] = body
			return status == http.StatusOK && json.Unmarshal([]byte(body), &page) == nil && len(page.Events) == 2
		})
	}
	if logs[0] != logs[1] || logs[1] != logs[2] {
		t.Errorf("the replicas return different events:\n%s\n%s\n%s", logs[0], logs[1], logs[2])
	}
}

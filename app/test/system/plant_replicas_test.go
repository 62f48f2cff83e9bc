//go:build integration

package system_test

import (
	"bufio"
	"context"
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

	seen := replicas[2].stream("line:s/a/l")
	replicas[0].change("POST", "/api/v1/telemetry", `{"machine":"press","values":{"v":1}}`)
	replicas[0].change("PUT", "/api/v1/machines/press", `{"path":"s/a/l"}`)
	for message := range seen {
		if strings.Contains(message, `"machine":"press"`) {
			break
		}
	}

	var logs [3]string
	for i, p := range replicas {
		p.eventually("all events", func() bool {
			var page struct {
				Events  []json.RawMessage
				LastSeq int64 `json:"last_seq"`
			}
			status, body := p.get("/api/v1/events?kind=audit&wait=5s")
			logs[i] = body
			return status == http.StatusOK && json.Unmarshal([]byte(body), &page) == nil && len(page.Events) == 2
		})
	}
	if logs[0] != logs[1] || logs[1] != logs[2] {
		t.Errorf("the replicas return different events:\n%s\n%s\n%s", logs[0], logs[1], logs[2])
	}

	checkAlarmOnEachReplica(t, replicas)
}

// checkAlarmOnEachReplica raises an alarm at one replica and acknowledges it at
// another. The clients of each replica get both changes once, with the same seq.
func checkAlarmOnEachReplica(t *testing.T, replicas []*process) {
	t.Helper()
	var streams []<-chan string
	for _, p := range replicas {
		stream := p.stream("alarms")
		<-stream // the snapshot
		streams = append(streams, stream)
	}
	if status, body := replicas[0].change("PUT", "/api/v1/alarm-rules/hot", `{"machine":"press","metric":"v","when":{"op":">","limit":80}}`); status != 201 {
		t.Fatalf("PUT of the rule = %d %s", status, body)
	}
	replicas[1].change("POST", "/api/v1/telemetry", `{"machine":"press","values":{"v":90}}`)
	type change struct {
		Event string
		Data  struct {
			ID, State string
			Seq       int64
		}
	}
	next := func(stream <-chan string) (c change) {
		for message := range stream {
			if json.Unmarshal([]byte(message), &c) == nil && c.Event == "alarm" {
				return c
			}
		}
		t.Error("the stream of alarms has ended")
		return c
	}
	var raised, acked [3]change
	for i, stream := range streams {
		raised[i] = next(stream)
	}
	if status, body := replicas[2].change("POST", "/api/v1/alarms/"+raised[0].Data.ID+"/ack", `{}`); status != 200 {
		t.Fatalf("ack = %d %s", status, body)
	}
	for i, stream := range streams {
		acked[i] = next(stream)
	}
	for i := range replicas {
		if raised[i] != raised[0] || acked[i] != acked[0] || raised[i].Data.State != "active_unacked" || acked[i].Data.State != "active_acked" {
			t.Errorf("replica %d shows %+v and %+v, replica 0 %+v and %+v", i, raised[i], acked[i], raised[0], acked[0])
		}
	}
}

// stream returns the data of the events of a room, beginning with the snapshot. It
// ends after a minute.
func (p *process) stream(room string) <-chan string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/api/v1/stream?rooms="+room, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	messages := make(chan string, 1000)
	p.t.Cleanup(func() {
		cancel()
		for range messages { // until the goroutine below has ended
		}
	})
	go func() {
		defer close(messages)
		defer func() { _ = resp.Body.Close() }()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				messages <- data
			}
		}
	}()
	return messages
}

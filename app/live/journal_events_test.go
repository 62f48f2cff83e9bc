package live_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

func TestStatesReachEachTransport(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, nil)
	h.put("m", "v", 1, 1.0)
	ws, sio := h.openWebSocket("/ws"), h.openSocket("")
	_, stream, _ := h.openStream("GET", "machine:m")
	ws.send(`{"op":"subscribe","id":1,"rooms":["machine:m"]}`)
	sio.send(`420["subscribe",{"rooms":["machine:m"]}]`)
	for range 2 {
		ws.receive()
		sio.receive()
	}
	for !strings.HasPrefix(readEvent(t, stream), "event: snapshot\n") {
	}
	data := fmt.Sprintf(`{"machine":"m","state":"fault","since":1700000000005,"reason":"jam","seq":%d}`,
		h.event(factory.EventState, "m", "", 5, `{"state":"fault","reason":"jam","source":"signal"}`))
	ws.expect(`{"event":"state","room":"machine:m","seq":2,"data":` + data + `}`)
	sio.expect(`42["state",{"room":"machine:m","seq":2,"data":` + data + `}]`)
	if got := readEvent(t, stream); !strings.HasPrefix(got, "event: state\n") || !strings.Contains(got, `"room":"machine:m","seq":2,"data":`+data) {
		t.Errorf("event stream = %s, want %s", got, data)
	}
	ws.send(`{"op":"subscribe","id":2,"rooms":["all"]}`)
	ws.expect(`{"id":2,"ok":true}`)
	if snapshot := ws.receive(); !strings.Contains(snapshot, `"states":[`+data+`]`) {
		t.Errorf("snapshot = %s, want the state", snapshot)
	}
}

// A late event changes the past, and a correction may bring an older state back.
func TestStateIsTheNewestInForce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.put("m", "v", 1, 1.0)
	s := h.newSubscriber()
	s.subscribe("machine:m")
	expect := func(want string) {
		t.Helper()
		waitFor(t, want, func() bool { return strings.HasPrefix(s.lastData("machine:m", "state"), want) })
	}
	h.event(factory.EventState, "m", "", 100, `{"state":"running"}`)
	h.event(factory.EventState, "m", "", 50, `{"state":"idle"}`)
	h.event(factory.EventState, "m", "", 200, `{"state":"fault"}`)
	expect(`{"machine":"m","state":"fault","since":1700000000200`)
	latest, err := h.store.LatestEvents(context.Background(), factory.LatestEventQuery{Kind: factory.EventState, Machine: "m"})
	if err != nil || len(latest) != 1 {
		t.Fatalf("latest = %v, %v", latest, err)
	}
	correction := factory.Event{Kind: factory.EventState, Machine: "m", ObservedAt: base + 60, Data: []byte(`{"state":"setup"}`), Replaces: latest[0].ID}
	if _, err := h.store.Write(context.Background(), factory.JournalBatch{Events: []factory.Event{correction}}); err != nil {
		t.Fatal(err)
	}
	expect(`{"machine":"m","state":"running","since":1700000000100`)
	h.event(factory.EventState, "m", "", 150, `{"state":"blocked"}`)
	expect(`{"machine":"m","state":"blocked","since":1700000000150`)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		if strings.Contains(string(f.Data), "idle") || strings.Contains(string(f.Data), "setup") {
			t.Errorf("%s %s, but that was never the newest state", f.Event, f.Data)
		}
	}
}

// After a restart, snapshots have what the journal has.
func TestSnapshotAfterRestart(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{AutoRegister: true})
	h := newHarnessOn(t, store, nil)
	h.put("m", "v", 1, 1.0)
	h.event(factory.EventState, "m", "", 1, `{"state":"running"}`)
	h.event(factory.EventState, "m", "", 2, `{"state":"idle"}`)
	h.event(factory.EventState, "unknown", "", 2, `{"state":"idle"}`)
	h.event(factory.EventOEE, "", "s/a/l", 3, `{"line":"s/a/l","oee":0.5}`)
	h.stop()

	h = newHarnessOn(t, store, nil)
	s := h.newSubscriber()
	waitFor(t, "the state and the OEE", func() bool {
		s.subscribe("all")
		snapshot := s.lastData("all", "snapshot")
		return strings.Contains(snapshot, `"states":[{"machine":"m","state":"idle","since":1700000000002,"reason":"","seq":2}],"alarms":[],"oee":[{"line":"s/a/l","oee":0.5,"seq":4}]`)
	})
}

package live_test

import (
	"context"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

func TestSnapshotPrecedesTelemetry(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.put("press", "temp", 1, 20.5, "press", "rpm", 1, 100.0, "other", "temp", 1, 1.0)
	s := h.newSubscriber()
	s.subscribe("machine:press")
	if got := s.events(); len(got) != 1 || got[0] != "machine:press snapshot" {
		t.Fatalf("events = %q, want a snapshot", got)
	}
	if s.value("press temp") != "1=20.5" || s.value("press rpm") != "1=100" || s.value("other temp") != "" {
		t.Errorf("snapshot = %s", s.lastData("machine:press", "snapshot"))
	}
	h.put("press", "temp", 2, 21.0, "other", "temp", 2, 2.0)
	s.waitForValue("press temp", "2=21")
	if data := s.lastData("machine:press", "telemetry"); data != `{"readings":[{"machine":"press","metric":"temp","ts":1700000000002,"value":21}]}` {
		t.Errorf("telemetry = %s", data)
	}
}

func TestSnapshotContainsRetainedEvents(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	place := factory.Placement{Site: "s", Area: "a", Line: "l"}
	if _, _, err := h.store.PutMachine(context.Background(), factory.Machine{ID: "m", Placement: place}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	seq := int64(0)
	publish := func() {
		for _, n := range []factory.Notification{
			{Kind: factory.EventState, Key: "m", Machine: "m", Data: []byte(`{"state":"running","since":1700000000000}`)},
			{Kind: factory.EventState, Key: "other", Machine: "other", Data: []byte(`{"state":"idle","since":1700000000000}`)},
			{Kind: factory.EventAlarm, Key: "1", Machine: "m", Data: []byte(`{"id":"1","since":1700000000000}`)},
			{Kind: factory.EventAlarm, Key: "2", Machine: "m", Data: []byte(`{"id":"2"}`), Ended: true},
			{Kind: factory.EventOEE, Key: "s/a/l", Line: place, Data: []byte(`{"oee":0.5}`)},
		} {
			seq++
			n.Seq = seq
			h.srv.Publish(n)
			n.Seq-- // an older one, and the same once more, do nothing
			h.srv.Publish(n)
			n.Seq++
			h.srv.Publish(n)
		}
	}
	publish()
	s := h.newSubscriber()
	s.subscribe("machine:m", "line:s/a/l", "alarms", "all")
	publish()
	for room, want := range map[string][4]int{ // states, alarms, oee; states in the snapshot
		"machine:m": {1, 2, 0, 1}, "line:s/a/l": {1, 2, 1, 1}, "alarms": {0, 2, 0, 0}, "all": {2, 2, 1, 2},
	} {
		got := [4]int{s.count(room, "state"), s.count(room, "alarm"), s.count(room, "oee"), strings.Count(s.lastData(room, "snapshot"), `"state":`)}
		if got != want {
			t.Errorf("%s: %v, want %v; %s", room, got, want, s.lastData(room, "snapshot"))
		}
	}
	if data := s.lastData("alarms", "snapshot"); !strings.Contains(data, `"id":"1"`) || strings.Contains(data, `"id":"2"`) {
		t.Errorf("snapshot of alarms = %s, want the open one", data)
	}
}

package live_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
)

func TestMachineEventsReachItsRooms(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	place := factory.Placement{Site: "s", Area: "a", Line: "l"}
	for _, id := range []string{"m1", "m2"} {
		if _, _, err := h.store.PutMachine(context.Background(), factory.Machine{ID: id, Placement: place}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	h.put("m1", "v", 1, 1.0, "m2", "v", 1, 1.0, "m3", "v", 1, 1.0)
	line, all, single, alarms := h.newSubscriber(), h.newSubscriber(), h.newSubscriber(), h.newSubscriber()
	line.subscribe("line:s/a/l")
	all.subscribe("all")
	single.subscribe("machine:m2")
	alarms.subscribe("alarms")
	for _, id := range []string{"m1", "m2", "m3"} {
		h.put(id, "v", 2, 2.0)
		all.waitForValue(id+" v", "2=2")
	}
	line.waitForValue("m1 v", "2=2")
	line.waitForValue("m2 v", "2=2")
	single.waitForValue("m2 v", "2=2")
	if line.value("m3 v") != "" || single.value("m1 v") != "" || alarms.count("alarms", "telemetry") > 0 {
		t.Error("a room receives an event of a machine that it does not include")
	}

	// A machine that has moved belongs to its new line only.
	newLine := h.newSubscriber()
	newLine.subscribe("line:s/a/other")
	moved := factory.Machine{ID: "m1", Placement: factory.Placement{Site: "s", Area: "a", Line: "other"}}
	if _, _, err := h.store.PutMachine(context.Background(), moved, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	newLine.waitForValue("m1 v", "2=2")
	waitFor(t, "a new snapshot", func() bool { return line.count("line:s/a/l", "snapshot") > 1 })
	h.put("m1", "v", 3, 3.0)
	newLine.waitForValue("m1 v", "3=3")
	h.put("m2", "v", 3, 3.0)
	line.waitForValue("m2 v", "3=3")
	if line.value("m1 v") != "2=2" {
		t.Errorf("the old line has %s, want 2=2", line.value("m1 v"))
	}
}

func TestDeletedMachineIsRemovedFromRooms(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.put("m1", "v", 1, 1.0, "m2", "v", 1, 1.0)
	s := h.newSubscriber()
	s.subscribe("all")
	if err := h.store.DeleteMachine(context.Background(), "m1", factory.MatchAlways, true); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a new snapshot", func() bool { return s.count("all", "snapshot") > 1 })
	if data := s.lastData("all", "snapshot"); strings.Contains(data, "m1") || !strings.Contains(data, "m2") {
		t.Errorf("snapshot = %s", data)
	}
}

func FuzzParseRoom(f *testing.F) {
	for _, seed := range []string{"all", "alarms", "machine:m", "machine:a/b", "line:a/b/c", "line:a//c", "line:a/b/c/d", "machine: x", "all ", "\xff", "machine:\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		kind, machine, line, err := live.ParseRoom(name)
		if err != nil {
			if !errors.Is(err, factory.ErrInvalid) {
				t.Errorf("parseRoom(%q) = %v", name, err)
			}
			return
		}
		if rebuilt := map[string]string{"all": "all", "alarms": "alarms", "machine:": "machine:" + machine, "line:": line}[kind]; rebuilt != name {
			t.Errorf("parseRoom(%q) is %q", name, rebuilt)
		}
	})
}

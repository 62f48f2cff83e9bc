package live_test

import (
	"context"
	"strings"
	"testing"
)

func TestLateReadingsAreNotSent(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.put("m", "a", 100, 1.0)
	s := h.newSubscriber()
	s.subscribe("all")
	h.put("m", "a", 50, 9.0) // late
	h.put("m", "a", 100, 1.0)
	h.put("m", "b", 1, 5.0) // comes after them
	s.waitForValue("m b", "1=5")
	h.put("m", "a", 100, 2.0) // a correction
	s.waitForValue("m a", "100=2")
	for _, f := range s.frames {
		if strings.Contains(string(f.Data), `"value":9`) {
			t.Errorf("a late reading is sent: %s", f.Data)
		}
	}
}

func TestTextsAreSent(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.put("m", "state", 1, "RUN")
	s := h.newSubscriber()
	s.subscribe("machine:m")
	s.waitForValue("m state", "1=RUN") // of the snapshot
	h.put("m", "state", 2, "STOP")
	s.waitForValue("m state", "2=STOP")
	h.put("m", "state", 3, "")
	s.waitForValue("m state", "3=")
	if data := s.lastData("machine:m", "telemetry"); !strings.Contains(data, `"text":""`) || strings.Contains(data, `"value"`) {
		t.Errorf("telemetry = %s, want a text without a value", data)
	}
	h.put("m", "state", 2, "LATE", "m", "v", 3, 1.0)
	s.waitForValue("m v", "3=1")
	if got := s.value("m state"); got != "3=" {
		t.Errorf("after a late text the state is %s, want 3=", got)
	}
}

func TestCacheIsEmptyWithoutSubscribers(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	h.put("m", "v", 1, 1.0)
	a, b := h.newSubscriber(), h.newSubscriber()
	a.subscribe("all", "machine:m", "line:s/a/l", "alarms")
	b.subscribe("machine:m")
	if fault := a.Unsubscribe("all", "machine:m"); fault != nil {
		t.Fatal(fault)
	}
	h.put("m", "v", 2, 2.0)
	b.waitForValue("m v", "2=2")
	if a.value("m v") != "1=1" {
		t.Error("an event is sent after unsubscribe")
	}
	a.End()
	b.End()
	waitFor(t, "the session to end", func() bool {
		rooms, machines := h.srv.CacheSize()
		return rooms == 0 && machines == 0 && h.srv.Stats().Rooms == 0 && h.srv.Stats().Subscriptions == 0
	})
	if fault := a.Subscribe(context.Background(), func() {}, "all"); fault != nil {
		t.Fatal(fault)
	}
	if rooms, _ := h.srv.CacheSize(); rooms != 0 {
		t.Error("an ended session watches a room")
	}
}

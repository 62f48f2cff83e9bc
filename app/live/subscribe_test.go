package live_test

import (
	"context"
	"strings"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live"
)

func TestInvalidSubscriptionsAreRefused(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("a:read:0123456789abcdef,b:ingest:1123456789abcdef", 1)
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, func(o *live.Options) { o.Keys, o.MaxRooms = access.NewKeys(list), 3 })
	reader := access.Principal{Name: "a", Role: access.RoleRead}
	for name, tt := range map[string]struct {
		principal  access.Principal
		rooms      []string
		kind, room string
	}{
		"no rooms":        {reader, nil, "invalid", ""},
		"unknown kind":    {reader, []string{"all", "plant:x"}, "invalid", "plant:x"},
		"no machine":      {reader, []string{"machine:"}, "invalid", "machine:"},
		"incomplete line": {reader, []string{"line:a/b"}, "invalid", "line:a/b"},
		"too many":        {reader, []string{"all", "alarms", "machine:a", "machine:b"}, "invalid", ""},
		"role ingest":     {access.Principal{Name: "b", Role: access.RoleIngest}, []string{"all"}, "forbidden", ""},
		"no key":          {access.Principal{}, []string{"all"}, "forbidden", ""},
	} {
		s := h.newSubscriber(tt.principal)
		fault := s.Subscribe(context.Background(), func() { t.Errorf("%s: ok is called", name) }, tt.rooms...)
		if fault == nil || fault.Kind != tt.kind || fault.Room != tt.room || len(s.events()) > 0 {
			t.Errorf("%s: %+v, events %q, want %s about %q and nothing else", name, fault, s.events(), tt.kind, tt.room)
		}
	}
	if rooms, _ := h.srv.CacheSize(); rooms != 0 {
		t.Errorf("%d rooms are watched without subscribers", rooms)
	}
	s := h.newSubscriber(reader)
	s.subscribe("all", "all", "alarms", "machine:a")
	s.subscribe("all") // again: another snapshot
	if fault := s.Unsubscribe("all", "bogus"); fault == nil || fault.Room != "bogus" {
		t.Errorf("Unsubscribe from an invalid room = %+v", fault)
	}
	if n := s.count("all", "snapshot"); n != 2 {
		t.Errorf("%d snapshots of all, want 2", n)
	}
}

// Half a surrogate pair, which JSON decoders replace, makes no room's name.
func TestDamagedRoomNamesAreRefused(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, nil)
	c := h.openWebSocket("/ws")
	for _, name := range []string{`machine:\ud800`, `machine:\udc00\ud800`, `machine:a\u202eb`, `machine:e\u0301`, `line:s/a/\ud83c`} {
		c.send(`{"op":"subscribe","id":1,"rooms":["` + name + `"]}`)
		if got := c.receive(); !strings.Contains(got, `"kind":"invalid"`) {
			t.Errorf("subscribe to %s: %s", name, got)
		}
	}
	s := h.openSocket("")
	s.send(`420["subscribe",{"rooms":["machine:\ud800"]}]`)
	if got := s.receive(); !strings.Contains(got, `"kind":"invalid"`) {
		t.Errorf("subscribe over Socket.IO: %s", got)
	}
}

package storetest

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

// An event that is written again is not appended again, also after the store was
// reopened. Its id must not have another content.
func testRepeatedEvents(t *testing.T, open Opener) {
	var first factory.WrittenEvent
	checkInAllStates(t, open, func(f *fixture) {
		first = f.record(event("m", "1", 1))[0]
		f.record(event("other machine", "1", 1))
	}, func(f *fixture) {
		again := f.record(event("m", "1", 1), event("m", "1", 1))
		for _, e := range again {
			if !e.Repeated || !reflect.DeepEqual(e.Event, first.Event) {
				t.Errorf("Write of the same event = %+v, want the first one, repeated", e)
			}
		}
		for name, change := range map[string]func(*factory.Event){
			"time":    func(e *factory.Event) { e.ObservedAt++ },
			"kind":    func(e *factory.Event) { e.Kind = factory.EventNote },
			"subject": func(e *factory.Event) { e.Subject = "x" },
			"data":    func(e *factory.Event) { e.Data = []byte(`{"state":"idle"}`) },
		} {
			other := event("m", "1", 1)
			change(&other)
			f.refuse(factory.JournalBatch{Events: []factory.Event{event("m", "new", 1), other}}, factory.ErrConflict, -1, 1)
			if t.Failed() {
				t.Fatalf("with another %s", name)
			}
		}
		if n := len(f.log()); n != 2 {
			t.Errorf("the journal has %d events, want 2", n)
		}
	})
}

// The replacement takes the place of an event in queries by time, but not in the log.
// It may be replaced in turn.
func testReplacedEvents(t *testing.T, open Opener) {
	replacing := func(id, replaces string, at int64) factory.Event {
		e := event("m", id, at)
		e.Replaces = replaces
		return e
	}
	one := func(e factory.Event) factory.JournalBatch {
		return factory.JournalBatch{Events: []factory.Event{e}}
	}
	checkInAllStates(t, open, func(f *fixture) {
		f.record(event("m", "1", 10), event("m", "2", 20), event("n", "1", 10))
		f.record(replacing("3", "1", 30))
		f.record(replacing("4", "3", 5), replacing("5", "4", 6))
		f.record(replacing("2a", "2", 20))
	}, func(f *fixture) {
		f.wantIDs("Events()", f.events(factory.EventQuery{}), "5", "1", "2a")
		f.wantIDs("the log", f.log(), "1", "2", "1", "3", "4", "5", "2a")
		f.refuse(one(replacing("6", "1", 1)), factory.ErrConflict, -1, 0)
		f.refuse(one(replacing("6", "unknown", 1)), factory.ErrNotFound, -1, 0)
		alarm := replacing("6", "2a", 1) // which only the server decides
		alarm.Kind = factory.EventAlarm
		f.refuse(one(alarm), factory.ErrInvalid, -1, 0)
		other := replacing("6", "2a", 1)
		other.Machine = "n"
		f.refuse(one(other), factory.ErrNotFound, -1, 0)
		if again := f.record(replacing("3", "1", 30)); !again[0].Repeated {
			t.Errorf("Write of the same replacement = %+v, want it repeated", again[0])
		}
	})
}

// One event of a machine may follow another one.
func testFollowedEvents(t *testing.T, open Opener) {
	following := func(machine, id string, seq int64) factory.Event {
		e := event(machine, id, 1)
		e.Follows = seq
		return e
	}
	f := newFixture(t, open)
	first := f.record(event("", "rule", 1))[0]
	f.record(following("m", "a", first.Seq), following("n", "a", first.Seq))
	f.reopen(Limits{AutoRegister: true})
	f.refuse(factory.JournalBatch{Events: []factory.Event{following("m", "b", first.Seq)}}, factory.ErrConflict, -1, 0)
	if again := f.record(following("m", "a", first.Seq))[0]; !again.Repeated || again.Follows != first.Seq {
		t.Errorf("Write of the same follower = %+v, want it repeated", again)
	}
	f.record(following("m", "b", f.record(following("m", "c", 0))[0].Seq), following("m", "d", 0))
}

// Nothing of a batch with a bad entry is stored, wherever the entry is.
func testBatchIsAtomic(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.put(factory.DocumentShift, "old", `{"v":1}`)
	f.record(event("m", "old", 1))
	conflict := event("m", "old", 2)
	replacing := event("m", "new 2", 3)
	replacing.Replaces = "old"
	f.refuse(factory.JournalBatch{
		Documents: []factory.DocumentChange{
			{Kind: factory.DocumentShift, ID: "new", Data: []byte("{}")},
			{Kind: factory.DocumentShift, ID: "old", Data: []byte(`{"v":2}`)},
			{Kind: factory.DocumentShift, ID: "old"},
		},
		Events: []factory.Event{event("m", "new", 1), replacing, conflict},
	}, factory.ErrConflict, -1, 2)
	f.refuse(factory.JournalBatch{
		Documents: []factory.DocumentChange{
			{Kind: factory.DocumentShift, ID: "new", Data: []byte("{}")},
			{Kind: factory.DocumentShift, ID: "old", Match: 7, Data: []byte(`{"v":2}`)},
		},
		Events: []factory.Event{event("m", "new", 1)},
	}, factory.ErrPrecondition, 1, -1)
	if d := f.put(factory.DocumentShift, "old", `{"v":1}`); d.Version != 1 {
		t.Errorf("the document has version %d after refused batches, want 1", d.Version)
	}
	if d := f.put(factory.DocumentShift, "new", "{}"); d.Version != 1 || !d.Created {
		t.Errorf("the document of a refused batch exists: %+v", d)
	}
	f.record(event("m", "new", 1), replacing) // neither id nor replacement is left over
}

func testBadBatches(t *testing.T, open Opener) {
	f := newFixture(t, open)
	large := func(n int) []byte {
		return append(append([]byte(`{"a":"`), bytes.Repeat([]byte("a"), n-8)...), `"}`...)
	}
	for name, tt := range map[string]struct {
		data []byte
		ok   bool
	}{
		"no data":         {nil, false},
		"text":            {[]byte(`"a"`), false},
		"array":           {[]byte(`[]`), false},
		"broken":          {[]byte(`{"a":`), false},
		"two objects":     {[]byte(`{} {}`), false},
		"largest allowed": {large(factory.MaxEventData), true},
		"too large":       {large(factory.MaxEventData + 1), false},
	} {
		e := event("m", name, 1)
		e.Data = tt.data
		if tt.ok {
			f.record(e)
			continue
		}
		f.refuse(factory.JournalBatch{Events: []factory.Event{event("m", "good", 1), e}}, factory.ErrInvalid, -1, 1)
	}
	for _, id := range []string{"\x00", "\xff", strings.Repeat("x", 642)} {
		f.refuse(factory.JournalBatch{Events: []factory.Event{event("m", id, 1)}}, factory.ErrInvalid, -1, 0)
		f.refuse(factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: factory.DocumentShift, ID: id, Data: []byte("{}")}}}, factory.ErrInvalid, 0, -1)
		if _, err := f.Document(context.Background(), factory.DocumentShift, id); !errors.Is(err, factory.ErrNotFound) {
			t.Errorf("Document(%q) = %v, want ErrNotFound", id, err)
		}
	}
	f.put(factory.DocumentShift, "s", string(large(factory.MaxDocumentData)))
	for _, data := range [][]byte{{}, []byte("null"), large(factory.MaxDocumentData + 1)} {
		f.refuse(factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: factory.DocumentShift, ID: "s", Data: data}}}, factory.ErrInvalid, 0, -1)
	}
	if result := f.write(factory.JournalBatch{}); len(result.Events)+len(result.Documents) != 0 {
		t.Errorf("Write of an empty batch = %+v", result)
	}
}

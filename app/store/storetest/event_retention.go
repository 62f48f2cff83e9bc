package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// RunEventRetention checks the retention of events by kind. It is complete after
// Settle and a Write.
func RunEventRetention(t *testing.T, open Opener) {
	const day = 24 * time.Hour
	at := newClock(1_700_000_000_000)
	limits := Limits{AutoRegister: true, EventRetention: store.EventRetention{Audit: 400 * day, Alarm: 400 * day, Text: 30 * day}, Now: at.now}
	f := openFixture(t, t, open, limits)
	later := func(d time.Duration) { at.at.Add(d.Milliseconds()) }
	n := 0
	add := func(machine string, kind factory.EventKind, subject, replaces string, observedAt int64) {
		t.Helper()
		n++
		f.record(factory.Event{
			Machine: machine, Kind: kind, Subject: subject, ObservedAt: observedAt, Replaces: replaces, ID: fmt.Sprint(n), Data: []byte("{}"),
		})
	}
	settle := func() {
		f.settle()
		f.write(factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: factory.DocumentShift, ID: "s", Data: fmt.Appendf(nil, `{"now":%d}`, at.at.Load())}}})
	}
	add("a", factory.EventText, "x", "", 10) // 1: not the newest of x
	add("a", factory.EventText, "x", "", 30) // 2: the newest of x until 11
	add("a", factory.EventText, "x", "", 20) // 3: late
	add("a", factory.EventText, "y", "", 5)  // 4: replaced by 5
	add("a", factory.EventText, "y", "4", 6) // 5: replaced by 6
	add("a", factory.EventText, "y", "5", 7) // 6: the newest of y
	add("b", factory.EventText, "x", "", 1)  // 7: of another machine
	add("a", factory.EventState, "", "", 1)  // 8: unlimited
	add("a", factory.EventAlarm, "r", "", 1) // 9: 400 days
	add("a", factory.EventAlarm, "r", "", 2) // 10
	later(29 * day)
	settle()
	f.wantIDs("events after 29 days", f.log(), "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
	add("a", factory.EventText, "x", "", 25) // 11: accepted later, but older than 2
	later(2 * day)
	settle()
	check := func(what string, want ...string) {
		t.Helper()
		for _, enter := range []func(){func() {}, func() { f.reopen(limits); settle() }} {
			enter()
			f.wantIDs(what, f.log(), want...)
		}
	}
	check("events after 31 days", "2", "6", "7", "8", "9", "10", "11")
	f.wantIDs("texts in force", f.events(factory.EventQuery{Kinds: []factory.EventKind{factory.EventText}}), "7", "6", "11", "2")
	add("a", factory.EventText, "x", "", 40) // 12: the newest of x
	settle()
	check("events after a new text", "2", "6", "7", "8", "9", "10", "11", "12") // until now 2 was in force
	later(370 * day)
	settle()
	check("events after 401 days", "6", "7", "8", "10", "12")
	if seq, err := f.LastSeq(context.Background()); err != nil || seq != 12 {
		t.Errorf("LastSeq = %d, %v, want 12", seq, err)
	}
	add("a", factory.EventText, "x", "", 35) // 13: the newest of the journal
	later(31 * day)
	settle()
	check("events after 432 days", "6", "7", "8", "10", "12", "13")
	add("a", factory.EventState, "", "", 50)
	if log := f.log(); log[len(log)-1].Seq != 14 {
		t.Errorf("the new event has the seq %d, want 14", log[len(log)-1].Seq)
	}
	later(day)
	settle()
	check("events after 433 days", "6", "7", "8", "10", "12", "14")
	// The id of a deleted event can be used again.
	if e := f.record(factory.Event{Machine: "a", Kind: factory.EventText, Subject: "x", ObservedAt: 1, ID: "1", Data: []byte(`{"new":1}`)}); e[0].Repeated {
		t.Error("the id of a deleted event is not free")
	}
}

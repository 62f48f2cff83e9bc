package plant_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

// liveStore is a store with a line of two machines and a machine without a line, whose
// shift began an hour ago.
func liveStore(t *testing.T) factory.Store {
	t.Helper()
	store := memory.New(memory.Options{AutoRegister: true})
	ctx := context.Background()
	begin := time.Now().UTC().Add(-time.Hour).Truncate(time.Minute)
	line := factory.Placement{Site: "s", Area: "a", Line: "l"}
	for _, m := range []factory.Machine{
		{ID: "m1", Placement: line, IdealCycle: 10}, {ID: "m2", Placement: line, IdealCycle: 10}, {ID: "alone", Placement: factory.Placement{Site: "s"}},
	} {
		if _, _, err := store.PutMachine(ctx, m, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
		say(t, store, m.ID, begin, factory.EventState, `{"state":"running"}`)
	}
	shift := fmt.Sprintf(`{"scope":{"site":"s"},"tz":"UTC","days":["mon","tue","wed","thu","fri","sat","sun"],"start":%q,"end":%q,"valid_from":"1999-01-01"}`,
		begin.Format("15:04"), begin.Add(2*time.Hour).Format("15:04"))
	if _, err := store.Write(ctx, factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: factory.DocumentShift, ID: "early", Data: []byte(shift)}}}); err != nil {
		t.Fatal(err)
	}
	return store
}

func say(t *testing.T, store factory.Store, machine string, at time.Time, kind factory.EventKind, data string) {
	t.Helper()
	e := factory.Event{Machine: machine, Kind: kind, ObservedAt: at.UnixMilli(), Data: []byte(data)}
	if _, err := store.Write(context.Background(), factory.JournalBatch{Events: []factory.Event{e}}); err != nil {
		t.Fatal(err)
	}
}

// heard returns the OEE events of a subject.
func heard(t *testing.T, store factory.Store, machine, line string) (list []string) {
	t.Helper()
	events, err := store.EventsAfter(context.Background(), factory.LogQuery{Kinds: []factory.EventKind{factory.EventOEE}, Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Machine == machine && e.Subject == line {
			list = append(list, string(e.Data))
		}
	}
	return list
}

func TestLiveOEE(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := liveStore(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		now := func() int64 { return time.Now().UnixMilli() }
		// Two processes that both believe that they lead.
		for range 2 {
			live := plant.NewLiveOEE(plant.NewOEE(store, now))
			go func() {
				if err := live.Run(ctx); err != nil {
					t.Errorf("Run = %v", err)
				}
			}()
		}
		<-time.After(time.Minute) // of the bubble
		synctest.Wait()
		lines := heard(t, store, "", "s/a/l")
		if len(lines) != 1 {
			t.Fatalf("nothing has changed, but the line has the events %v", lines)
		}
		want := fmt.Sprintf(`{"line":"s/a/l","shift":"early","day":"1999-12-31","from":%d,"to":%d,"availability":1,"effectiveness":0,"quality":null,"oee":0}`,
			now()-61*60_000, now()+59*60_000)
		if lines[0] != want {
			t.Errorf("the line's event is %s, want %s", lines[0], want)
		}
		if alone := heard(t, store, "alone", ""); len(alone) != 1 {
			t.Errorf("the machine without a line has the events %v", alone)
		}
		// A fault of two minutes changes the availability of each moment.
		say(t, store, "m1", time.Now(), factory.EventState, `{"state":"fault"}`)
		<-time.After(2 * time.Minute)
		synctest.Wait()
		if lines = heard(t, store, "", "s/a/l"); len(lines) < 10 || len(lines) > 14 {
			t.Errorf("after two minutes of fault there are %d events, want one every 10 s", len(lines))
		}
		// Past the end of the shift there are no more.
		<-time.After(time.Hour)
		synctest.Wait()
		before := len(heard(t, store, "", "s/a/l"))
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if after := len(heard(t, store, "", "s/a/l")); after != before {
			t.Errorf("after the shift the line got %d events", after-before)
		}
	})
}

package storetest

import (
	"context"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
)

// testAudits: each change of the registry by a sender is an event, committed with it.
func testAudits(t *testing.T, open Opener) {
	ctx := factory.WithSender(context.Background(), "ann")
	f := newFixture(t, open)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(m factory.Machine) {
		t.Helper()
		_, _, err := f.PutMachine(ctx, m, factory.MatchAlways)
		must(err)
	}
	machine := factory.Machine{ID: "m", Name: `<"1">`, Placement: factory.Placement{Line: "a"}}
	put(machine)
	put(machine)
	machine.Line, machine.Signals, machine.IdealCycle = "b", []byte(`{"good":{"metric":"g"}}`), 0.5
	put(machine)
	f.append(factory.Reading{Machine: "m", Metric: "v", ObservedAt: 5, Value: 1}, factory.Reading{Machine: "auto", Metric: "v", ObservedAt: 5, Value: 1})
	metric := factory.Metric{Machine: "m", Name: "v", Kind: factory.Counter, Retention: factory.KeepForever}
	for range 2 {
		_, _, err := f.PutMetric(ctx, metric, factory.MatchAlways)
		must(err)
	}
	if _, _, err := f.PutMachine(ctx, machine, factory.MatchNone); err == nil {
		t.Error("PutMachine with MatchNone = nil")
	}
	must(f.DeleteMachine(ctx, "m", factory.MatchAlways, false))
	put(factory.Machine{ID: "m"})
	must(f.DeleteMachine(context.Background(), "m", factory.MatchAlways, true))
	want := []string{
		`ann machine/m {"kind":"machine","id":"m","from":null,"to":{"name":"<\"1\">","site":"","area":"","line":"a"}}`,
		`ann machine/m {"kind":"machine","id":"m","from":{"name":"<\"1\">","site":"","area":"","line":"a"},"to":{"name":"<\"1\">","site":"","area":"","line":"b","signals":{"good":{"metric":"g"}},"ideal_cycle_s":0.5}}`,
		`ann metric/m/v {"kind":"metric","id":"m/v","from":{"machine":"m","metric":"v","unit":"","kind":"gauge"},"to":{"machine":"m","metric":"v","unit":"","kind":"counter","retention_s":-1}}`,
		`ann machine/m {"kind":"machine","id":"m","from":{"name":"<\"1\">","site":"","area":"","line":"b","signals":{"good":{"metric":"g"}},"ideal_cycle_s":0.5},"to":null}`,
		`ann machine/m {"kind":"machine","id":"m","from":null,"to":{"name":"","site":"","area":"","line":""}}`,
		` machine/m {"kind":"machine","id":"m","from":{"name":"","site":"","area":"","line":""},"to":null}`,
	}
	f.inAllStates(Limits{AutoRegister: true}, func() {
		events, err := f.EventsAfter(context.Background(), factory.LogQuery{Limit: 100})
		must(err)
		var got []string
		for _, e := range events {
			if e.Kind != factory.EventAudit || e.Machine != "" || e.ObservedAt == 0 || e.ReceivedAt == 0 || e.ID == "" {
				t.Errorf("event = %+v, want an audit", e)
			}
			got = append(got, e.By+" "+e.Subject+" "+string(e.Data))
		}
		if !slices.Equal(got, want) {
			t.Errorf("audits = %q, want %q", got, want)
		}
	})
}

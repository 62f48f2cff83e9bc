package plant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

// The figures do not depend on the parts in which a long time is loaded: those of a
// range equal the sum of what each hour of it is.
func TestOEELoadsInParts(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{AutoRegister: true})
	ctx := context.Background()
	signals := `{"state":{"metric":"state","map":{"1":"running","2":"fault"}},"good":{"metric":"good"}}`
	for _, id := range []string{"m1", "m2", "m3"} {
		if _, _, err := store.PutMachine(ctx, factory.Machine{ID: id, Signals: []byte(signals), IdealCycle: 3}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
		var readings []factory.Reading
		for minute := int64(0); minute < 40*24*60; minute += 37 { // a fault lasts over each midnight
			at := beginning + minute*60_000
			state := 1.0
			if minute/37%3 == 0 {
				state = 2
			}
			readings = append(readings,
				factory.Reading{Machine: id, Metric: "state", ObservedAt: at, Value: state},
				factory.Reading{Machine: id, Metric: "good", ObservedAt: at, Value: float64(minute * 11)})
		}
		if _, err := store.Append(ctx, readings); err != nil {
			t.Fatal(err)
		}
	}
	now := beginning + 60*24*3600_000
	figures := plant.NewOEE(store, func() int64 { return now })
	span := factory.Span{From: beginning - 3600_000, To: beginning + 30*24*3600_000}
	answer, err := figures.Report(ctx, oee.Query{Span: span, By: oee.ByHour})
	if err != nil {
		t.Fatal(err)
	}
	const minutes = 30 * 24 * 60
	total := answer.Total
	if total.Scheduled != 3*minutes*60 || total.Total < 3*minutes*11-1e-6 || total.Total > 3*minutes*11+1e-6 {
		t.Errorf("%v s and %v pieces, want %v s and %v", total.Scheduled, total.Total, 3*minutes*60, 3*minutes*11)
	}
	if want := int64(3 * (minutes/37/3 + 1)); total.Failures != want {
		t.Errorf("%d failures, want %d", total.Failures, want)
	}
	if len(answer.Groups) != minutes/60+1 {
		t.Errorf("%d groups, want %d", len(answer.Groups), minutes/60+1)
	}
	sum := oee.Figures{}
	for _, g := range answer.Groups {
		sum.Scheduled += g.Scheduled
		sum.Production += g.Production
		sum.Total += g.Total
	}
	if sum.Scheduled != total.Scheduled || sum.Production != total.Production || sum.Total < total.Total-1e-6 || sum.Total > total.Total+1e-6 {
		t.Errorf("the hours add up to %v s, %v s running and %v pieces, want %v, %v and %v",
			sum.Scheduled, sum.Production, sum.Total, total.Scheduled, total.Production, total.Total)
	}
}

// A machine counts from its first record until now, whatever the range.
func TestOEEOfWhatExists(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{AutoRegister: true})
	ctx := context.Background()
	for _, id := range []string{"m", "registered"} {
		if _, _, err := store.PutMachine(ctx, factory.Machine{ID: id}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	e := factory.Event{Machine: "m", Kind: factory.EventState, ObservedAt: beginning, Data: []byte(`{"state":"running"}`)}
	if _, err := store.Write(ctx, factory.JournalBatch{Events: []factory.Event{e}}); err != nil {
		t.Fatal(err)
	}
	now := beginning + 90_000
	figures := plant.NewOEE(store, func() int64 { return now })
	for _, by := range append(oee.Groupings, oee.NotGrouped) {
		answer, err := figures.Report(ctx, oee.Query{Span: factory.Span{From: beginning - 1e9, To: beginning + 1e9}, By: by, Zone: time.UTC})
		if err != nil {
			t.Fatal(err)
		}
		if answer.Total.Scheduled != 90 || answer.Total.Production != 90 || *answer.Total.OEE != 0 {
			data, _ := json.Marshal(answer.Total)
			t.Errorf("by %q: %s, want 90 s", by, data)
		}
		keys := ""
		for _, g := range answer.Groups {
			keys += fmt.Sprint(g.Key, "=", g.Scheduled, " ")
		}
		want := map[oee.By]string{
			oee.ByDay: "2023-11-14=90 ", oee.ByHour: "2023-11-14T22:00:00Z=90 ", oee.ByMachine: "m=90 registered=0 ", oee.ByProduct: "=90 ",
		}[by]
		if keys != want {
			t.Errorf("by %q: groups %s, want %s", by, keys, want)
		}
	}
}

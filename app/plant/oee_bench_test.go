package plant_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/factory/timeline"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/sqlite"
)

// fillEvents appends, to each machine, state changes and counts at even times.
func fillEvents(b *testing.B, store factory.Store, machines, changes int, length time.Duration) {
	b.Helper()
	ctx := context.Background()
	for m := range machines {
		id := fmt.Sprintf("m%03d", m)
		machine := factory.Machine{ID: id, Placement: factory.Placement{Site: "s", Area: "a", Line: fmt.Sprint("l", m/10)}, IdealCycle: 30}
		if _, _, err := store.PutMachine(ctx, machine, factory.MatchAlways); err != nil {
			b.Fatal(err)
		}
		var batch factory.JournalBatch
		for i := range changes {
			at := beginning + int64(i)*length.Milliseconds()/int64(changes)
			state := timeline.Running
			if i%2 == 1 {
				state = timeline.States[i/2%len(timeline.States)]
			}
			batch.Events = append(batch.Events,
				factory.Event{Machine: id, Kind: factory.EventState, ObservedAt: at, Data: fmt.Appendf(nil, `{"state":%q}`, state)},
				factory.Event{Machine: id, Kind: factory.EventCount, ObservedAt: at, Data: []byte(`{"good":7,"scrap":1}`)})
		}
		for len(batch.Events) > 0 {
			n := min(1000, len(batch.Events))
			if _, err := store.Write(ctx, factory.JournalBatch{Events: batch.Events[:n]}); err != nil {
				b.Fatal(err)
			}
			batch.Events = batch.Events[n:]
		}
	}
}

func benchmarkOEE(b *testing.B, machines, changes int, length time.Duration, q oee.Query) {
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(b.TempDir(), "db"), AutoRegister: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	fillEvents(b, store, machines, changes, length)
	figures := plant.NewOEE(store, func() int64 { return beginning + length.Milliseconds() })
	q.Span = factory.Span{From: beginning, To: beginning + length.Milliseconds()}
	b.ReportAllocs()
	for b.Loop() {
		answer, err := figures.Report(context.Background(), q)
		if err != nil || answer.Total.Scheduled != float64(machines)*length.Seconds() {
			b.Fatal(answer.Total.Scheduled, err)
		}
	}
}

func BenchmarkOEEShiftOfLine(b *testing.B) {
	benchmarkOEE(b, 10, 1000, 8*time.Hour, oee.Query{Scope: factory.Scope{Line: "l0"}})
}

func BenchmarkOEEMonthOfPlant(b *testing.B) {
	benchmarkOEE(b, 100, 30*200, 30*24*time.Hour, oee.Query{By: oee.ByDay, Zone: time.UTC})
}

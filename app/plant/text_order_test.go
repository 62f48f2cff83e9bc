package plant_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
	"smart-factory-backend/app/store/sqlite"

	"pgregory.net/rapid"
)

// sharedEngine is an engine that other processes write to as well.
type sharedEngine struct{ factory.Store }

func (s sharedEngine) Stats() factory.StoreStats { return factory.StoreStats{Engine: "postgres"} }

func TestTextsInAnyOrder(t *testing.T) {
	t.Parallel()
	engine := memory.New(memory.Options{AutoRegister: true})
	t.Run("memory", func(t *testing.T) { t.Parallel(); checkTextOrders(t, engine) })
	t.Run("several processes", func(t *testing.T) { t.Parallel(); checkTextOrders(t, sharedEngine{engine}) })
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "f.db"), AutoRegister: true})
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		checkTextOrders(t, engine)
	})
}

var textMachines atomic.Int64

// checkTextOrders appends readings in random order and in random batches to one
// process, or to two if they share the engine, which restart now and then. The text at
// each time must be that of a plain list of all readings.
func checkTextOrders(t *testing.T, engine factory.Store) {
	shared := engine.Stats().Engine == "postgres"
	rapid.Check(t, func(t *rapid.T) {
		machine := fmt.Sprint(t.Name(), textMachines.Add(1))
		stores := []*plant.TextStore{plant.NewTextStore(engine), plant.NewTextStore(engine)}
		truth := map[int64]string{}
		for range rapid.IntRange(1, 30).Draw(t, "batches") {
			var batch []factory.Reading
			for range rapid.IntRange(1, 4).Draw(t, "size") {
				at := int64(rapid.IntRange(1, 25).Draw(t, "at")) * 1000
				value := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "value")
				if _, exists := truth[at]; exists && rapid.Bool().Draw(t, "again") {
					value = truth[at]
				}
				truth[at] = value
				batch = append(batch, factory.Reading{Machine: machine, Metric: "state", ObservedAt: at, Text: &value})
			}
			which := 0
			if shared {
				which = rapid.IntRange(0, 1).Draw(t, "process")
			}
			if rapid.IntRange(0, 5).Draw(t, "restart") == 0 {
				stores[which] = plant.NewTextStore(engine)
			}
			appendAll(t, stores[which], batch...)
		}
		checkTexts(t, stores[0], machine, truth)
	})
}

// checkTexts compares the text at each time.
func checkTexts(t rapid.TB, s *plant.TextStore, machine string, truth map[int64]string) {
	t.Helper()
	page, err := s.Events(context.Background(), factory.EventQuery{Machine: machine, From: math.MinInt64, To: math.MaxInt64, Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	got, want, i := "", "", 0
	for at := int64(0); at < 60_000; at += 1000 {
		for ; i < len(page.Events) && page.Events[i].ObservedAt <= at; i++ {
			got = string(page.Events[i].Data)
		}
		if value, ok := truth[at]; ok {
			want = `{"value":"` + value + `"}`
		}
		if got != want {
			t.Fatalf("at %d the text is %s, want %s; readings %v, events %v", at, got, want, truth, page.Events)
		}
	}
	checkTextHistory(t, s, machine, truth)
	latest, err := s.Latest(context.Background(), factory.LatestQuery{Machine: machine, Limit: 1})
	if err != nil || `{"value":"`+*latest.Readings[0].Text+`"}` != want {
		t.Fatalf("latest = %+v, %v; want %s", latest.Readings, err, want)
	}
}

// checkTextHistory compares the changes in the history, and the readings.
func checkTextHistory(t rapid.TB, s *plant.TextStore, machine string, truth map[int64]string) {
	t.Helper()
	page, err := s.History(context.Background(), factory.HistoryQuery{Machine: machine, From: math.MinInt64, To: math.MaxInt64, Limit: 1000})
	if err != nil || len(page.Series) != 1 || len(page.Series[0].Texts) != len(truth) {
		t.Fatalf("history = %+v, %v; want %d texts", page, err, len(truth))
	}
	before := ""
	for _, p := range page.Series[0].Texts {
		if p.Value != truth[p.ObservedAt] || p.Repeated != (p.Value == before) {
			t.Fatalf("history has %+v after %q, want %q; events %v", p, before, truth[p.ObservedAt], page)
		}
		before = p.Value
	}
}

func TestTextsOfConcurrentProcesses(t *testing.T) {
	t.Parallel()
	engine := memory.New(memory.Options{AutoRegister: true})
	appendConcurrently(t, engine)
	appendConcurrently(t, sharedEngine{engine})
}

// appendConcurrently appends readings of one series at once, to two processes if they
// share the engine.
func appendConcurrently(t *testing.T, engine factory.Store) {
	t.Helper()
	machine := fmt.Sprint(t.Name(), textMachines.Add(1))
	stores := []*plant.TextStore{plant.NewTextStore(engine)}
	if engine.Stats().Engine == "postgres" {
		stores = append(stores, plant.NewTextStore(engine))
	}
	truth := map[int64]string{}
	var wg sync.WaitGroup
	for i := range 200 {
		at := int64(1+i*37%59) * 1000
		value := string(rune('a' + at/1000%7/3))
		truth[at] = value
		wg.Go(func() {
			appendAll(t, stores[i%len(stores)], factory.Reading{Machine: machine, Metric: "state", ObservedAt: at, Text: &value})
		})
	}
	wg.Wait()
	checkTexts(t, stores[0], machine, truth)
}

// A machine that only repeats its state is not silent.
func TestRepeatedTextsAreSignsOfLife(t *testing.T) {
	t.Parallel()
	s := plant.NewTextStore(memory.New(memory.Options{AutoRegister: true}))
	signals := `{"state":{"metric":"state","map":{"RUN":"running"}},"offline_after":"5m"}`
	if _, _, err := s.PutMachine(t.Context(), factory.Machine{ID: "m", Signals: []byte(signals)}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	for minute := range int64(60) {
		appendAll(t, s, text("state", beginning+minute*60_000, "RUN"))
	}
	end := beginning + 59*60_000
	got, err := plant.NewTimelines(s, func() int64 { return end }).Timeline(t.Context(), "m", factory.Span{From: beginning, To: end})
	if err != nil || len(got.Segments) != 1 || got.Segments[0].State != "running" {
		t.Errorf("timeline = %+v, %v; want running all the time", got.Segments, err)
	}
}

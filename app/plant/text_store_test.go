package plant_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"

	"pgregory.net/rapid"
)

func openTexts(t rapid.TB, o memory.Options) (*plant.TextStore, factory.Store) {
	t.Helper()
	engine := memory.New(o)
	return plant.NewTextStore(engine), engine
}

func text(metric string, at int64, value string) factory.Reading {
	return factory.Reading{Machine: "m", Metric: metric, ObservedAt: at, Text: &value}
}

func appendAll(t rapid.TB, s factory.Store, readings ...factory.Reading) factory.AppendResult {
	t.Helper()
	result, err := s.Append(context.Background(), readings)
	if err != nil {
		t.Fatalf("Append(%v) = %v", readings, err)
	}
	return result
}

// events returns time and value of the text events of a metric.
func textEvents(t rapid.TB, s factory.Store, metric string) []string {
	t.Helper()
	page, err := s.Events(context.Background(), factory.EventQuery{Machine: "m", Kinds: []factory.EventKind{factory.EventText}, Subject: metric, From: math.MinInt64, To: math.MaxInt64, Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range page.Events {
		list = append(list, fmt.Sprint(e.ObservedAt, strings.TrimSuffix(strings.TrimPrefix(string(e.Data), `{"value":"`), `"}`)))
	}
	return list
}

// textHistory returns time and value of the changes in the history of a metric.
func textHistory(t rapid.TB, s factory.Store, metric string) []string {
	t.Helper()
	var list []string
	q := factory.HistoryQuery{Machine: "m", Metrics: []string{metric}, From: math.MinInt64, To: math.MaxInt64, Limit: 3}
	for {
		page, err := s.History(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, series := range page.Series {
			for _, p := range series.Texts {
				if !p.Repeated {
					list = append(list, fmt.Sprint(p.ObservedAt, p.Value))
				}
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return list
		}
	}
}

func TestTextsAreStoredWhenTheyChange(t *testing.T) {
	t.Parallel()
	s, engine := openTexts(t, memory.Options{AutoRegister: true})
	appendAll(t, s, text("state", 1000, "RUN"), factory.Reading{Machine: "m", Metric: "speed", ObservedAt: 1000, Value: 5}, text("state", 2000, "RUN"))
	appendAll(t, s, text("state", 3000, "STOP"))
	appendAll(t, s, text("state", 4000, "STOP"))
	want := []string{"1000RUN", "3000STOP"}
	if got := textEvents(t, s, "state"); !slices.Equal(got, want) {
		t.Errorf("events = %v, want %v", got, want)
	}
	if got := textHistory(t, s, "state"); !slices.Equal(got, want) {
		t.Errorf("history = %v, want %v", got, want)
	}
	if m, err := s.Metric(context.Background(), "m", "state"); err != nil || m.Kind != factory.Text {
		t.Errorf("metric = %+v, %v; want a text", m, err)
	}
	if m, err := s.Metric(context.Background(), "m", "speed"); err != nil || m.Kind != factory.Gauge {
		t.Errorf("metric = %+v, %v; want a gauge", m, err)
	}
	for name, store := range map[string]factory.Store{"the same": s, "a new process": plant.NewTextStore(engine)} {
		page, err := store.Latest(context.Background(), factory.LatestQuery{Limit: 10})
		if err != nil || len(page.Readings) != 2 || page.Readings[1].Text == nil || *page.Readings[1].Text != "STOP" || page.Readings[1].ObservedAt != 4000 || page.Readings[0].Value != 5 {
			t.Errorf("latest of %s = %+v, %v", name, page.Readings, err)
		}
	}
	restarted := plant.NewTextStore(engine)
	appendAll(t, restarted, text("state", 5000, "STOP"))
	if got := textEvents(t, s, "state"); !slices.Equal(got, want) {
		t.Errorf("events after a restart = %v, want %v", got, want)
	}
	appendAll(t, restarted, text("state", 3500, "RUN"))
	if got, want := textEvents(t, s, "state"), []string{"1000RUN", "3000STOP", "3500RUN", "4000STOP"}; !slices.Equal(got, want) {
		t.Errorf("events after a late text = %v, want %v", got, want)
	}
}

func TestTextsKeepTheIndexOfRejections(t *testing.T) {
	t.Parallel()
	s, _ := openTexts(t, memory.Options{AutoRegister: true})
	appendAll(t, s, factory.Reading{Machine: "m", Metric: "speed", ObservedAt: 1000, Value: 5})
	result := appendAll(t, s, text("state", 1000, "RUN"), text("speed", 2000, "fast"),
		factory.Reading{Machine: "m", Metric: "bad", ObservedAt: 1, Value: math.Inf(1)}, text("state", 2000, strings.Repeat("x", 1025)), text("other", 1, ""))
	var got []int
	for _, r := range result.Rejected {
		if !errors.Is(r.Err, factory.ErrInvalid) {
			t.Errorf("rejection %d = %v, want %v", r.Index, r.Err, factory.ErrInvalid)
		}
		got = append(got, r.Index)
	}
	if result.Accepted != 2 || !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("accepted %d, rejected %v; want 2 and [1 2 3]", result.Accepted, got)
	}
	result = appendAll(t, s, factory.Reading{Machine: "m", Metric: "new", ObservedAt: 1000, Value: 5}, text("new", 2000, "bad"))
	if m, err := s.Metric(context.Background(), "m", "new"); result.Accepted != 1 || len(result.Rejected) != 1 || result.Rejected[0].Index != 1 || err != nil || m.Kind != factory.Gauge {
		t.Errorf("a text after the first number = %+v, metric %+v, %v; want a rejection and a gauge", result, m, err)
	}
	closed, _ := openTexts(t, memory.Options{})
	result = appendAll(t, closed, text("state", 1000, "RUN"))
	if len(result.Rejected) != 1 || !errors.Is(result.Rejected[0].Err, factory.ErrNotFound) || len(textEvents(t, closed, "state")) != 0 {
		t.Errorf("without automatic registration: %+v, want a rejection", result)
	}
}

func TestFastTextsKeepTheLastOfEachInterval(t *testing.T) {
	t.Parallel()
	for _, batches := range []bool{false, true} {
		s, _ := openTexts(t, memory.Options{AutoRegister: true})
		var readings []factory.Reading
		for i := range int64(1000) {
			readings = append(readings, text("state", 60_000+i, fmt.Sprint("v", i)))
		}
		if batches {
			appendAll(t, s, readings...)
		} else {
			for _, r := range readings {
				appendAll(t, s, r)
			}
		}
		got := textEvents(t, s, "state")
		want := []string{}
		for i := range 9 {
			want = append(want, fmt.Sprintf("%dv%d", 60_000+i, i))
		}
		for i := 99; i < 1000; i += 100 {
			want = append(want, fmt.Sprintf("%dv%d", 60_000+i, i))
		}
		if !slices.Equal(got, want) {
			t.Errorf("events = %v, want %v", got, want)
		}
		if dropped := s.DroppedChanges(); dropped != 1000-uint64(len(want)) {
			t.Errorf("dropped = %d, want %d", dropped, 1000-len(want))
		}
		page, err := s.Latest(context.Background(), factory.LatestQuery{Limit: 1})
		if err != nil || *page.Readings[0].Text != "v999" {
			t.Errorf("latest = %+v, %v", page.Readings, err)
		}
	}
}

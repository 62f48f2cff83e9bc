package plant_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"

	"pgregory.net/rapid"
)

const beginning = int64(1_700_000_000_000)

// recorded is what was recorded of a machine, in memory and in a store.
type recorded struct {
	readings []factory.Reading
	events   []factory.Event
}

func (r *recorded) points(metric string) (points []factory.Point) {
	for _, s := range r.samples(metric) {
		points = append(points, factory.Point{ObservedAt: s.ObservedAt, Value: s.Number})
	}
	return points
}

func (r *recorded) samples(metric string) (samples []timeline.Sample) {
	byTime := map[int64]timeline.Sample{}
	for _, reading := range r.readings {
		if reading.Metric != metric {
			continue
		}
		s := timeline.Sample{ObservedAt: reading.ObservedAt, Number: reading.Value}
		if reading.Text != nil {
			s.IsText, s.Text = true, *reading.Text
		}
		byTime[reading.ObservedAt] = s
	}
	for _, at := range slices.Sorted(maps.Keys(byTime)) {
		samples = append(samples, byTime[at])
	}
	return samples
}

func (r *recorded) records(signals timeline.Signals, now int64) timeline.Records {
	records := timeline.Records{
		Birth: math.MaxInt64, State: timeline.StateReadings{State: r.samples("state"), Mode: r.samples("mode")}, Product: r.samples("recipe"),
	}
	var counter timeline.Counter
	for _, p := range r.points("good") {
		records.Good = append(records.Good, counter.Add(p))
	}
	signs := timeline.NewSigns(max(signals.OfflineAfter, 1))
	for _, reading := range r.readings {
		records.Birth = min(records.Birth, reading.ObservedAt)
		signs.Add(reading.ObservedAt)
	}
	for _, stored := range r.events {
		if e, ok := timeline.Decode(stored); ok {
			records.Events = append(records.Events, e)
		}
		records.Birth = min(records.Birth, stored.ObservedAt)
	}
	if signals.OfflineAfter > 0 {
		records.Silences = signs.Silences(now)
	}
	return records
}

// drawRecorded appends readings and events to a store in random order.
func drawRecorded(t *rapid.T, store factory.Store) *recorded {
	r := &recorded{}
	ctx := context.Background()
	moment := rapid.Custom(func(t *rapid.T) int64 {
		return beginning + rapid.Int64Range(0, 200).Draw(t, "at")*rapid.SampledFrom([]int64{1000, 60_000, 3_600_000}).Draw(t, "unit")
	})
	for i := range rapid.IntRange(0, 40).Draw(t, "records") {
		at := moment.Draw(t, "ts")
		event := factory.Event{Machine: "m", ObservedAt: at, ID: fmt.Sprint(i)}
		switch rapid.IntRange(0, 9).Draw(t, "record") {
		case 0:
			event.Kind, event.Data = factory.EventState, fmt.Appendf(nil, `{"state":%q}`, rapid.SampledFrom(timeline.States).Draw(t, "state"))
		case 1:
			event.Kind, event.Subject = factory.EventReason, timeline.SubjectDowntime
			event.Data = fmt.Appendf(nil, `{"from":%d,"to":%d,"reason":"r%d"}`, at, at+rapid.Int64Range(1, 9_000_000).Draw(t, "lasts"), i)
		case 2:
			event.Kind, event.Data = factory.EventProduct, fmt.Appendf(nil, `{"product":"p%d"}`, i%3)
		case 3:
			event.Kind, event.Data = factory.EventCount, []byte(`{"good":1,"scrap":2}`)
		case 4:
			event.Kind, event.Subject, event.Data = factory.EventState, timeline.SubjectSignal, []byte(`{"state":"fault","source":"signal"}`)
		default:
			metric := rapid.SampledFrom([]string{"state", "mode", "good", "aux", "zaux", "recipe", "recipe"}).Draw(t, "metric")
			reading := factory.Reading{Machine: "m", Metric: metric, ObservedAt: at}
			if metric == "recipe" {
				reading.Text = new(fmt.Sprintf("p%d", rapid.IntRange(0, 2).Draw(t, "recipe")))
			} else {
				reading.Value = float64(rapid.SampledFrom([]int{4, 6, 9, 2, 100, 99}).Draw(t, "value"))
			}
			if _, err := store.Append(ctx, []factory.Reading{reading}); err != nil {
				t.Fatal(err)
			}
			r.readings = append(r.readings, reading)
			continue
		}
		result, err := store.Write(ctx, factory.JournalBatch{Events: []factory.Event{event}})
		if err != nil {
			t.Fatal(err)
		}
		r.events = append(r.events, result.Events[0].Event)
	}
	return r
}

// The timeline that is loaded for a range equals that of everything ever recorded.
func TestTimelineLoadsWhatItNeeds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := beginning + rapid.Int64Range(0, 200*3_600_000).Draw(t, "now")
		store := plant.NewTextStore(memory.New(memory.Options{AutoRegister: true}))
		text := `{"state":{"metric":"state","map":"packml","mode":{"metric":"mode"}},"good":{"metric":"good"},"product":{"metric":"recipe"}`
		if rapid.Bool().Draw(t, "offline_after") {
			text += `,"offline_after":"` + rapid.SampledFrom([]string{"1s", "1m30s", "20m", "6h"}).Draw(t, "limit") + `"`
		}
		text += "}"
		signals, err := timeline.ParseSignals([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := store.PutMachine(context.Background(), factory.Machine{ID: "m", Signals: []byte(text)}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
		r := drawRecorded(t, store)
		from := beginning + rapid.Int64Range(-10, 200).Draw(t, "from")*rapid.SampledFrom([]int64{1000, 60_000, 3_600_000}).Draw(t, "unit")
		span := factory.Span{From: from, To: from + rapid.Int64Range(1, 100*3_600_000).Draw(t, "length")}
		got, err := plant.NewTimelines(store, func() int64 { return now }).Timeline(context.Background(), "m", span)
		if err != nil {
			t.Fatal(err)
		}
		records := r.records(signals, now)
		want := signals.Compute(&records, span, now)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("timeline of %v at %d =\n%+v\nwant\n%+v", span, now, got, want)
		}
	})
}

package timeline_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

func state(seq, at int64, s timeline.State, reason string) timeline.Event {
	return timeline.Event{Event: factory.Event{Seq: seq, ObservedAt: at, Kind: factory.EventState}, State: s, Reason: reason}
}

func reason(seq, at, from, to int64, text string) timeline.Event {
	return timeline.Event{Event: factory.Event{Seq: seq, ObservedAt: at, Kind: factory.EventReason}, From: from, To: to, Reason: text}
}

func TestCompute(t *testing.T) {
	t.Parallel()
	number := func(at int64, value float64) timeline.Sample { return timeline.Sample{ObservedAt: at, Number: value} }
	tests := map[string]struct {
		signals string
		records timeline.Records
		now     int64 // 0 means 100
		want    string
	}{
		"nothing recorded": {records: timeline.Records{Birth: math.MaxInt64}},
		"born after the range": {
			records: timeline.Records{Birth: 20, Events: []timeline.Event{state(1, 20, timeline.Running, "")}},
		},
		"the state before the range counts": {
			records: timeline.Records{Birth: 1, Events: []timeline.Event{state(1, 1, timeline.Running, "")}}, want: "10-20 running event",
		},
		"offline from birth until the first state": {
			records: timeline.Records{Birth: 12, Events: []timeline.Event{state(1, 15, timeline.Running, "")}}, want: "12-15 offline silence, 15-20 running event",
		},
		"the future is not in it": {
			records: timeline.Records{Birth: 1, Events: []timeline.Event{state(1, 1, timeline.Idle, ""), state(2, 18, timeline.Running, "")}}, now: 17, want: "10-17 idle event",
		},
		"at one time the later seq holds": {
			records: timeline.Records{Birth: 1, Events: []timeline.Event{state(7, 15, timeline.Fault, ""), state(3, 15, timeline.Idle, ""), state(1, 1, timeline.Running, "")}},
			want:    "10-15 running event, 15-20 fault event",
		},
		"a reason splits a stop and leaves running alone": {
			records: timeline.Records{Birth: 1, Events: []timeline.Event{state(1, 1, timeline.Fault, "a"), state(2, 15, timeline.Running, ""), reason(3, 30, 12, 18, "jam")}},
			want:    "10-12 fault event a, 12-15 fault event jam, 15-20 running event",
		},
		"of overlapping reasons the later one holds": {
			records: timeline.Records{Birth: 1, Events: []timeline.Event{state(1, 1, timeline.Fault, ""), reason(2, 40, 11, 19, "late"), reason(3, 30, 5, 14, "early")}},
			want:    "10-11 fault event early, 11-19 fault event late, 19-20 fault event",
		},
		"an event holds until the signal changes, not until it repeats": {
			signals: `{"state":{"metric":"s","map":"boolean"}}`,
			records: timeline.Records{
				Birth: 1, Events: []timeline.Event{state(1, 12, timeline.Setup, "")},
				State: timeline.StateReadings{State: []timeline.Sample{number(1, 1), number(11, 1), number(13, 1), number(15, 0), number(17, 1)}},
			},
			want: "10-12 running signal, 12-15 setup event, 15-17 idle signal, 17-20 running signal",
		},
		"silence hides the state and ends with the next sign": {
			records: timeline.Records{Birth: 1, Events: []timeline.Event{state(1, 1, timeline.Running, ""), state(2, 14, timeline.Idle, "")}, Silences: []factory.Span{{From: 2, To: 12}, {From: 13, To: 16}}},
			want:    "10-12 offline silence, 12-13 running event, 13-16 offline silence, 16-20 idle event",
		},
		"what the map lacks takes the default": {
			signals: `{"state":{"metric":"s","map":{"1":"running"},"default":"setup"}}`,
			records: timeline.Records{Birth: 1, State: timeline.StateReadings{State: []timeline.Sample{number(1, 1), number(12, 5)}}},
			want:    "10-12 running signal, 12-20 setup signal",
		},
		"PackML asks the mode, the interlock and the alarms": {
			signals: `{"state":{"metric":"s","map":"packml","mode":{"metric":"m"},"blocked":{"metric":"b"}}}`,
			records: timeline.Records{Birth: 1, State: timeline.StateReadings{
				State: []timeline.Sample{number(1, 5), number(14, 11)}, Mode: []timeline.Sample{number(18, 2)}, Blocked: []timeline.Sample{number(2, 0), number(12, 1)},
				Alarms: []factory.Span{{From: 11, To: 16}},
			}},
			want: "10-12 idle signal, 12-14 blocked signal, 14-16 fault signal, 16-18 idle signal, 18-20 planned_stop signal",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var signals timeline.Signals
			if tt.signals != "" {
				var err error
				if signals, err = timeline.ParseSignals([]byte(tt.signals)); err != nil {
					t.Fatal(err)
				}
			}
			if tt.now == 0 {
				tt.now = 100
			}
			got := signals.Compute(&tt.records, factory.Span{From: 10, To: 20}, tt.now)
			var texts []string
			for _, s := range got.Segments {
				texts = append(texts, strings.TrimSpace(fmt.Sprintf("%d-%d %s %s %s", s.From, s.To, s.State, s.Source, s.Reason)))
			}
			if text := strings.Join(texts, ", "); text != tt.want {
				t.Errorf("segments = %s\nwant       %s", text, tt.want)
			}
		})
	}
}

func TestCounter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ values, want []float64 }{
		"the first reading counts nothing":                 {[]float64{100}, []float64{0}},
		"growth":                                           {[]float64{1, 3, 3, 10}, []float64{0, 2, 0, 7}},
		"below half is a reset":                            {[]float64{100, 49, 50}, []float64{0, 49, 1}},
		"half is jitter":                                   {[]float64{100, 50, 80, 101}, []float64{0, 0, 0, 1}},
		"jitter ends when the old value is passed":         {[]float64{100, 99, 100, 99.5, 103}, []float64{0, 0, 0, 0, 3}},
		"a reset to zero":                                  {[]float64{100, 0, 5}, []float64{0, 0, 5}},
		"a reset during jitter is judged by the old value": {[]float64{100, 60, 40, 45}, []float64{0, 0, 40, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c timeline.Counter
			for i, v := range tt.values {
				got := c.Add(factory.Point{ObservedAt: int64(10 * i), Value: v})
				if got.Amount != tt.want[i] || got.To != int64(10*i) || i > 0 && got.From != int64(10*i-10) {
					t.Errorf("reading %d (%v) = %+v, want %v", i, v, got, tt.want[i])
				}
			}
		})
	}
}

func TestCountsBelongToTheRangeOfTheirTime(t *testing.T) {
	t.Parallel()
	count := func(seq, at int64, good float64, product string) timeline.Event {
		return timeline.Event{Event: factory.Event{Seq: seq, ObservedAt: at, Kind: factory.EventCount}, Good: good, Product: product}
	}
	product := timeline.Event{Event: factory.Event{Seq: 9, ObservedAt: 15, Kind: factory.EventProduct}, Product: "p"}
	signals, err := timeline.ParseSignals([]byte(`{"good":{"metric":"g"},"total":{"metric":"t"}}`))
	if err != nil {
		t.Fatal(err)
	}
	records := timeline.Records{
		Birth:  1,
		Events: []timeline.Event{count(1, 10, 1, ""), count(2, 15, 2, ""), count(3, 19, 3, "q"), count(4, 20, 4, ""), count(5, 9, 5, ""), product},
		Good:   []timeline.Increase{{From: 5, To: 15, Amount: 10}, {From: 15, To: 25, Amount: 20}},
		Total:  []timeline.Increase{{From: 5, To: 15, Amount: 12}, {From: 15, To: 25, Amount: 20}},
	}
	got := signals.Compute(&records, factory.Span{From: 10, To: 20}, 100).Productions
	want := []timeline.Production{
		{From: 10, To: 10, Good: 1},
		{From: 10, To: 15, Good: 5, Scrap: 1},
		{From: 15, To: 15, Good: 2, Product: "p"},
		{From: 15, To: 20, Good: 10, Product: "p"},
		{From: 19, To: 19, Good: 3, Product: "q"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("productions = %v\nwant          %v", got, want)
	}
}

// BenchmarkCompute is a line's shift: 10 machines with 1 000 changes of state each.
func BenchmarkCompute(b *testing.B) {
	signals, err := timeline.ParseSignals([]byte(`{"state":{"metric":"s","map":"packml"},"good":{"metric":"g"}}`))
	if err != nil {
		b.Fatal(err)
	}
	records := timeline.Records{Birth: 0}
	for i := range int64(1000) {
		records.State.State = append(records.State.State, timeline.Sample{ObservedAt: i * 28_800, Number: float64(4 + 2*(i%2))})
		records.Good = append(records.Good, timeline.Increase{From: i * 28_800, To: (i + 1) * 28_800, Amount: 3})
	}
	b.ReportAllocs()
	for b.Loop() {
		for range 10 {
			signals.Compute(&records, factory.Span{From: 0, To: 28_800_000}, math.MaxInt64)
		}
	}
}

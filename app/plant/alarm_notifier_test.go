package plant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

// notified collects what a subscriber publishes, as text.
type notified []string

func (n *notified) publish(v factory.Notification) {
	var item struct {
		ID, Name, Machine, Cause string
		State                    alarm.Phase
		Seq                      *int64
	}
	if json.Unmarshal(v.Data, &item) != nil || item.ID != v.Key || item.Machine != v.Machine || item.Seq != nil {
		*n = append(*n, fmt.Sprintf("bad %+v", v))
		return
	}
	*n = append(*n, fmt.Sprintf("%d %s %s %s ended=%t", v.Seq, item.Name, item.Cause, item.State, v.Ended))
}

func (n *notified) take() string {
	text := strings.Join(*n, ", ")
	*n = nil
	return text
}

func TestAlarmNotifier(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := memory.New(memory.Options{AutoRegister: true})
	if _, err := store.Append(ctx, []factory.Reading{{Machine: "m", Metric: "t", ObservedAt: 1, Value: 1}}); err != nil {
		t.Fatal(err)
	}
	document := []byte(`{"name":"Hot","machine":"m","metric":"t","when":{"op":">","limit":80},"severity":"high","cause":"fan"}`)
	if _, err := store.Write(ctx, factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: factory.DocumentAlarmRule, ID: "hot", Data: document}}}); err != nil {
		t.Fatal(err)
	}
	rule, err := alarm.ParseRule("hot", document)
	if err != nil {
		t.Fatal(err)
	}
	var state alarm.State
	record := func(transitions []alarm.Transition) (events []factory.Event) {
		t.Helper()
		for _, each := range transitions {
			data, err := json.Marshal(each)
			if err != nil {
				t.Fatal(err)
			}
			result, err := store.Write(ctx, factory.JournalBatch{Events: []factory.Event{{
				Machine: "m", Kind: factory.EventAlarm, Subject: "hot", ObservedAt: each.At, Data: data,
			}}})
			if err != nil {
				t.Fatal(err)
			}
			state.Apply(each, result.Events[0].Seq)
			events = append(events, result.Events[0].Event)
		}
		return events
	}
	at := int64(1000)
	read := func(value float64) []factory.Event {
		at += 1000
		return record(rule.Read(&state, "m", at, value))
	}
	var got notified
	n := plant.NewAlarmNotifier(store, got.publish)
	follow := func(events []factory.Event) string {
		t.Helper()
		for range 2 { // repeated after an error of another subscriber
			if err := n.EventsStored(ctx, events); err != nil {
				t.Fatal(err)
			}
		}
		return got.take()
	}
	if err := n.EventsBegin(ctx, 0); err != nil || len(got) > 0 {
		t.Fatalf("EventsBegin = %v, published %v", err, got)
	}
	for _, step := range []struct {
		events []factory.Event
		want   string
	}{
		{read(90), "1 Hot fan active_unacked ended=false"},
		{read(70), "2 Hot fan returned_unacked ended=false"},
		{read(95), "3 Hot fan active_unacked ended=false"},
		{[]factory.Event{{Seq: 100, Machine: "m", Kind: factory.EventAlarm, Subject: "hot", Data: []byte(`[]`)}}, ""},
	} {
		if text := follow(step.events); text != step.want {
			t.Errorf("published %q, want %q", text, step.want)
		}
	}

	// After a restart both open occurrences are known.
	n = plant.NewAlarmNotifier(store, got.publish)
	if err := n.EventsBegin(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if text, want := got.take(), "2 Hot fan returned_unacked ended=false, 3 Hot fan active_unacked ended=false"; text != want {
		t.Errorf("published at the start %q, want %q", text, want)
	}
	acks, err := rule.Act(&state, alarm.Action{Kind: alarm.Ack, At: at + 1, By: "ann", Alarm: state.Earlier[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	if text, want := follow(record(acks)), "4 Hot fan normal ended=true"; text != want {
		t.Errorf("published %q, want %q", text, want)
	}
}

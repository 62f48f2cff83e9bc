package plant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

func transition(t *testing.T, change alarm.Change, at int64, o alarm.Occurrence) factory.Event {
	t.Helper()
	data, err := json.Marshal(alarm.Transition{Change: change, At: at, After: alarm.State{Current: o}})
	if err != nil {
		t.Fatal(err)
	}
	return factory.Event{Machine: "m", Kind: factory.EventAlarm, Subject: "hot", ObservedAt: at, Data: data}
}

// PackML's Held is a fault while an alarm is active, whenever that was raised.
func TestHeldIsAFaultWhileAnAlarmIsActive(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{AutoRegister: true})
	ctx := context.Background()
	if _, _, err := store.PutMachine(ctx, factory.Machine{ID: "m", Signals: []byte(`{"state":{"metric":"s","map":"packml"}}`)}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(ctx, []factory.Reading{{Machine: "m", Metric: "s", ObservedAt: beginning, Value: 11}}); err != nil {
		t.Fatal(err)
	}
	at := func(s int64) int64 { return beginning + s*1000 }
	first := alarm.Occurrence{ID: "1", Active: true, RaisedAt: at(10), Severity: "high", Phase: alarm.ActiveUnacked}
	acked := first
	acked.Phase = alarm.ActiveAcked
	ended := acked
	ended.Active, ended.ReturnedAt, ended.Phase = false, at(30), alarm.Normal
	second := alarm.Occurrence{ID: "2", Active: true, RaisedAt: at(40), Severity: "low", Phase: alarm.ActiveUnacked}
	write(t, store, transition(t, alarm.Raised, at(10), first), transition(t, alarm.Acked, at(20), acked), transition(t, alarm.Returned, at(30), ended), transition(t, alarm.Raised, at(40), second))
	timelines := plant.NewTimelines(store, func() int64 { return at(100) })
	for from, want := range map[int64]string{0: "0 idle 10 fault 30 idle 40 fault ", 25: "25 fault 30 idle 40 fault ", 35: "35 idle 40 fault ", 50: "50 fault "} {
		span := factory.Span{From: at(from), To: at(60)}
		got, err := timelines.Timeline(ctx, "m", span)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, s := range got.Segments {
			text += fmt.Sprintf("%d %s ", (s.From-beginning)/1000, s.State)
		}
		if text != want {
			t.Errorf("from %d: %s, want %s", from, text, want)
		}
	}
	alarms, err := timelines.Alarms(ctx, "m", factory.Span{From: at(20), To: at(60)})
	if err != nil || len(alarms) != 2 || alarms[0].From != at(10) || alarms[0].To != at(30) || alarms[0].Severity != "high" || alarms[1].ID != "2" || alarms[1].Rule != "hot" {
		t.Errorf("alarms = %+v, %v", alarms, err)
	}
}

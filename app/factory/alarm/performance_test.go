package alarm_test

import (
	"reflect"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

func TestMeasure(t *testing.T) {
	t.Parallel()
	const minute = int64(60_000)
	record := func(rule string, raised, returned, acked int64) alarm.Record {
		return alarm.Record{Rule: rule, Machine: "m", Occurrence: alarm.Occurrence{
			ID: rule, RaisedAt: raised, ReturnedAt: returned, FirstAckedAt: acked, Active: returned == 0, Severity: alarm.High,
		}}
	}
	var records []alarm.Record
	for i := range int64(12) { // a flood in the first window
		records = append(records, record("often", i*20_000, i*20_000+5000, 0))
	}
	records = append(records,
		record("slow", 25*minute, 26*minute+1, 27*minute),
		record("handled", 35*minute, 35*minute+30_000, 35*minute+10_000),
		record("old", -25*60*minute, 0, 0),
		record("before", -10*minute, -5*minute, 0),
	)
	p := alarm.Measure(records, factory.Span{From: 0, To: 60 * minute})
	if p.Alarms != 14 || p.Windows != 6 || p.RateMax != 12 || p.RateMean != 14.0/6 || p.FloodShare != 1.0/6 {
		t.Errorf("rates: %+v", p)
	}
	if p.Fleeting != 12 || len(p.Chattering) != 1 || p.Chattering[0].Rule != "often" || len(p.Stale) != 1 || p.Stale[0].ID != "old" {
		t.Errorf("nuisances: %+v", p)
	}
	if !reflect.DeepEqual(p.BySeverity, map[alarm.Severity]int{alarm.Low: 0, alarm.Medium: 0, alarm.High: 14, alarm.Urgent: 0}) {
		t.Errorf("severities: %v", p.BySeverity)
	}
	if len(p.MostFrequent) != 3 || p.MostFrequent[0].Count != 12 {
		t.Errorf("most frequent: %+v", p.MostFrequent)
	}
	if p.TimeToAck.Count != 2 || *p.TimeToAck.Mean != 65 || *p.TimeToAck.Median != 65 || *p.TimeToAck.Max != 120 {
		t.Errorf("time to acknowledge: %+v", p.TimeToAck)
	}
	empty := alarm.Measure(nil, factory.Span{From: 0, To: 60 * minute})
	if empty.Windows != 6 || empty.RateMean != 0 || empty.TimeToAck.Mean != nil {
		t.Errorf("an empty range: %+v", empty)
	}
}

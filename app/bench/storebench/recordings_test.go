package main

import (
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
)

func TestReadRecording(t *testing.T) {
	t.Parallel()
	got, err := readRecording(nil, "pump", strings.NewReader("datetime,current,pressure\n2020-02-08 18:34:51,0.25,1\n2020-02-08 18:34:51,9,9\n2020-02-08 18:34:52,0.5,2\n"))
	at := time.Date(2020, 2, 8, 18, 34, 51, 0, time.UTC).UnixMilli()
	want := []factory.Reading{
		{Machine: "pump", Metric: "current", ObservedAt: at, Value: 0.25},
		{Machine: "pump", Metric: "pressure", ObservedAt: at, Value: 1},
		{Machine: "pump", Metric: "current", ObservedAt: at + 1000, Value: 0.5},
		{Machine: "pump", Metric: "pressure", ObservedAt: at + 1000, Value: 2},
	}
	if err != nil || len(got) != len(want) {
		t.Fatalf("readRecording() = %v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("reading %d is %v, want %v", i, got[i], want[i])
		}
	}
	for _, bad := range []string{"", "a,b\n2020-02-08,1\n", "a,b\n2020-02-08 18:34:51,x\n", "a,b\n2020-02-08 18:34:51\n"} {
		if _, err := readRecording(nil, "pump", strings.NewReader(bad)); err == nil {
			t.Errorf("readRecording(%q) = nil, want an error", bad)
		}
	}
}

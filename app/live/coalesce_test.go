package live_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/store/memory"
)

func TestTelemetryIsCoalesced(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(o *live.Options) { o.Interval = 50 * time.Millisecond })
	s := h.newSubscriber()
	s.subscribe("machine:m")
	begin := time.Now()
	for i := range 500 {
		h.put("m", "v", i+1, float64(i))
	}
	s.waitForValue("m v", "500=499")
	most := int(time.Since(begin)/(50*time.Millisecond)) + 2
	if n := s.count("machine:m", "telemetry"); n > most {
		t.Errorf("%d frames in %v, want at most %d", n, time.Since(begin), most)
	}
}

func TestReadingsStoredDoesNotAllocate(t *testing.T) {
	srv, err := live.New(live.Options{Latest: memory.New(memory.Options{}), Keys: access.NewKeys(access.List{})})
	if err != nil {
		t.Fatal(err)
	}
	readings := make([]factory.Reading, 1000)
	for i := range readings {
		readings[i] = factory.Reading{Machine: fmt.Sprint("m", i%10), Metric: fmt.Sprint("v", i/10), ObservedAt: base, Value: 1}
	}
	if n := testing.AllocsPerRun(100, func() { srv.ReadingsStored(readings, nil) }); n != 0 {
		t.Errorf("%v allocations without subscribers, want 0", n)
	}
	s := &subscriber{t: t, values: map[string]string{}, last: map[string]uint64{}}
	s.Session = srv.NewSession(s, access.Principal{})
	s.subscribe("machine:m3")
	srv.ReadingsStored(readings, nil)
	if n := testing.AllocsPerRun(100, func() {
		for i := range readings {
			readings[i].ObservedAt++
		}
		srv.ReadingsStored(readings, nil)
	}); n != 0 {
		t.Errorf("%v allocations for cached series, want 0", n)
	}
}

func BenchmarkReadingsStored(b *testing.B) {
	for name, rooms := range map[string][]string{"no subscribers": nil, "one machine of 1000": {"machine:m7"}, "all": {"all"}} {
		b.Run(name, func(b *testing.B) {
			srv, err := live.New(live.Options{Latest: memory.New(memory.Options{}), Keys: access.NewKeys(access.List{})})
			if err != nil {
				b.Fatal(err)
			}
			if rooms != nil {
				c := srv.NewSession(&discardMember{}, access.Principal{})
				if fault := c.Subscribe(context.Background(), func() {}, rooms...); fault != nil {
					b.Fatal(fault)
				}
			}
			readings := make([]factory.Reading, 1000)
			for i := range readings {
				readings[i] = factory.Reading{Machine: fmt.Sprint("m", i), Metric: "v", Value: 1}
			}
			b.ReportAllocs()
			ts := int64(base)
			for b.Loop() {
				ts++
				for i := range readings {
					readings[i].ObservedAt = ts
				}
				srv.ReadingsStored(readings, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/reading")
		})
	}
}

type discardMember struct{ _ byte }

func (*discardMember) Deliver(*hub.Frame) {}

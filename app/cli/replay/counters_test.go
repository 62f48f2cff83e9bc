package replay

import (
	"testing"
	"time"
)

func TestLatenciesArePercentilesOfTheDurations(t *testing.T) {
	t.Parallel()
	c := newCounters()
	if got := c.latencies(); got != (Latency{}) {
		t.Errorf("latencies() without a response = %+v, want zero", got)
	}
	for i := range 1000 {
		c.addLatency(time.Duration(i+1) * time.Millisecond)
	}
	want := Latency{P50: 500, P90: 900, P99: 990, Max: 1000}
	within := func(got, want float64) bool { return got >= want && got <= want*1.001 }
	if got := c.latencies(); !within(got.P50, want.P50) || !within(got.P90, want.P90) || !within(got.P99, want.P99) || !within(got.Max, want.Max) {
		t.Errorf("latencies() = %+v, want %+v within 0.1 %%", got, want)
	}
	c.addLatency(time.Hour)
	if got := c.latencies(); got.Max < 60_000 || got.Max > 60_060 {
		t.Errorf("latencies() after an hour = %+v, want the largest to be a minute", got)
	}
}

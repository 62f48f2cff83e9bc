package main

import (
	"testing"
	"time"
)

func TestLatencyPercentiles(t *testing.T) {
	t.Parallel()
	l := newLatencies()
	if got := l.millis(50); got != 0 {
		t.Errorf("millis(50) of no durations = %v, want 0", got)
	}
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Millisecond)
	}
	for percentile, want := range map[float64]float64{0: 1, 50: 500, 99: 990, 100: 1000} {
		if got := l.millis(percentile); got < want*0.999 || got > want*1.001 {
			t.Errorf("millis(%v) = %v, want %v within 0.1 %%", percentile, got, want)
		}
	}
	l.add(-time.Second)
	l.add(time.Hour)
	if got := l.millis(100); got < 600_000 || got > 600_600 || l.count() != 1002 {
		t.Errorf("millis(100) = %v of %d durations, want 10 minutes of 1002", got, l.count())
	}
	l.reset()
	if got := l.millis(50); got != 0 || l.count() != 0 {
		t.Errorf("millis(50) after reset = %v of %d durations, want 0 of 0", got, l.count())
	}
}

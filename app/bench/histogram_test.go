package main

import (
	"math"
	"testing"
	"time"
)

func TestHistogramSteps(t *testing.T) {
	t.Parallel()
	last := -1
	for _, d := range []time.Duration{0, 1, 15, 16, 17, 31, 32, 33, 1000, 1023, 1024, time.Millisecond, time.Hour, math.MaxInt64} {
		at := step(d)
		if end := upper(at); at < last || end < d || float64(end) > float64(d)*(1+1.0/histogramParts) {
			t.Errorf("step(%d) = %d, which ends at %d", d, at, end)
		}
		last = at
	}
	if step(-1) != 0 {
		t.Errorf("step(-1) = %d, want 0", step(-1))
	}
}

func TestHistogramQuantiles(t *testing.T) {
	t.Parallel()
	var h histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("quantile() of nothing = %v, want 0", got)
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 501, 0.99: 991} {
		got := h.quantile(share)
		if want *= time.Millisecond; got < want || got > want+want/histogramParts {
			t.Errorf("quantile(%v) = %v, want about %v", share, got, want)
		}
	}
	h.add(time.Hour)
	if got := h.quantile(0.9999); got < time.Hour {
		t.Errorf("quantile(0.9999) = %v, want the longest", got)
	}
}

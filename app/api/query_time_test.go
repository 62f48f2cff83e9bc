package api_test

import (
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/api"
)

func TestQueryTimes(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// Noon on the day after the clocks were set forward: the day before had 23 hours.
	now := time.Date(2026, 3, 30, 12, 0, 0, 0, berlin)
	for text, want := range map[string]time.Time{
		"now": now, "now-90m": now.Add(-90 * time.Minute), "now-1h": now.Add(-time.Hour), "now+10s": now.Add(10 * time.Second),
		"now 10s":   now.Add(10 * time.Second), // a plus sign that the URL has not encoded
		"now-250ms": now.Add(-250 * time.Millisecond), "now-2d": now.Add(-47 * time.Hour), "now-1w": time.Date(2026, 3, 23, 12, 0, 0, 0, berlin),
		"now-1mo":    time.Date(2026, 3, 2, 12, 0, 0, 0, berlin), // 30 February
		"now-1y":     time.Date(2025, 3, 30, 12, 0, 0, 0, berlin),
		"2026-03-30": time.Date(2026, 3, 30, 0, 0, 0, 0, berlin), "1796129846269": time.UnixMilli(1796129846269), "0": time.UnixMilli(0), "-1": time.UnixMilli(-1),
		"99999999": time.UnixMilli(99999999), "100000000000": time.UnixMilli(100000000000),
	} {
		if got, err := api.ParseQueryTime(text, berlin, now); err != nil || got != want.UnixMilli() {
			t.Errorf("ParseQueryTime(%q) = %v, %v, want %v", text, time.UnixMilli(got).In(berlin), err, want)
		}
	}
	for text, want := range map[string]string{
		"1796129846": "looks like seconds", "100000000": "append 000", "now-": "nor relative like now-1h", "now-1x": "neither", "now-1h-1h": "neither", "NOW": "neither", "": "neither",
	} {
		if _, err := api.ParseQueryTime(text, berlin, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseQueryTime(%q) = %v, want %q", text, err, want)
		}
	}
}

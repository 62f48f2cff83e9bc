package config_test

import (
	"testing"
	"time"
)

func TestDurationsAcceptDaysAndLonger(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for value, want := range map[string]time.Duration{
		"30d": 30 * day, "12w": 84 * day, "1y": 365 * day, "forever": 0, "Forever": 0, "0": 0, "0d": 0, "0s": 0, " 30d ": 30 * day,
		"30D": 30 * day, "P30D": 30 * day, "P1W": 7 * day, "PT36H": 36 * time.Hour, "P1DT12H": 36 * time.Hour,
		"1d12h": 36 * time.Hour, "1y2w3d": 382 * day, "720h": 30 * day, "1h30m": 90 * time.Minute,
	} {
		c, problems := load(t, map[string]string{"RETENTION": value})
		if len(problems) > 0 || c.Retention != want {
			t.Errorf("RETENTION=%q gives %v, %v, want %v", value, c.Retention, problems, want)
		}
	}
	for _, value := range []string{"30", "d", "P", "P1M", "PT", "1d-1h", "-1d", "-1h", "300y", "292y200d", "9999999d", "1h1d", "30 d", "never", "1.5d", "1month"} {
		if c, problems := load(t, map[string]string{"RETENTION": value}); len(problems) != 1 {
			t.Errorf("RETENTION=%q gives %v, want one problem", value, c.Retention)
		}
	}
	if c, problems := load(t, map[string]string{"STORE_WAIT": "1d"}); len(problems) > 0 || c.StoreWait != day {
		t.Errorf("STORE_WAIT=1d gives %v, %v, want %v", c.StoreWait, problems, day)
	}
	if _, problems := load(t, map[string]string{"STORE_WAIT": "forever"}); len(problems) != 1 {
		t.Error("STORE_WAIT=forever is accepted, which says nothing about it")
	}
}

package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseSettings(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"--only", "start,health", "--rounds", "2", "--seconds", "0.5", "--workers", "3"}, io.Discard)
	if err != nil || strings.Join(s.only, " ") != "start health" || s.rounds != 2 || s.seconds != 500*time.Millisecond || s.workers != 3 {
		t.Errorf("parse() = %+v, %v", s, err)
	}
	for only, want := range map[string]string{"store": "append read write growth", "day,store,start": "day append read write growth start"} {
		if s, err := parse([]string{"--only", only}, io.Discard); err != nil || strings.Join(s.only, " ") != want {
			t.Errorf("parse(--only %s) = %v, %v, want %s", only, s.only, err, want)
		}
	}
	if s, err := parse(nil, io.Discard); err != nil || slices.Contains(s.only, "day") || len(s.only) != len(defaultBenchmarks) {
		t.Errorf("parse() = %v, %v, want all but the optional ones", s.only, err)
	}
	for _, bad := range [][]string{{"--hours", "0"}, {"--hours", "NaN"}, {"--only", "speed"}, {"--rounds", "0"}, {"--seconds", "NaN"}, {"--seconds", "0"}, {"--workers", "-1"}, {"more"}, {"--what"}} {
		if _, err := parse(bad, io.Discard); err == nil {
			t.Errorf("parse(%q) = nil, want an error", bad)
		}
	}
}

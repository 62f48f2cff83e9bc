package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"--only", "start,health", "--rounds", "2", "--seconds", "0.5", "--workers", "3"}, io.Discard)
	if err != nil || strings.Join(s.only, " ") != "start health" || s.rounds != 2 || s.seconds != 500*time.Millisecond || s.workers != 3 {
		t.Errorf("parse() = %+v, %v", s, err)
	}
	for _, bad := range [][]string{{"--only", "speed"}, {"--rounds", "0"}, {"--seconds", "NaN"}, {"--seconds", "0"}, {"--workers", "-1"}, {"more"}, {"--what"}} {
		if _, err := parse(bad, io.Discard); err == nil {
			t.Errorf("parse(%q) = nil, want an error", bad)
		}
	}
}

// TestPlant checks that what is posted is what the contract calls telemetry,
// and that no reading is posted twice.
func TestPlant(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := &plant{shape: s, at: 1_790_000_000_000}
			seen, series := make(map[string]bool), make(map[string]bool)
			for range 3000 / (s.objects * s.values) {
				head, body, _ := bytes.Cut(p.request(nil), []byte("\r\n\r\n"))
				if want := fmt.Sprintf("Content-Length: %d", len(body)); !strings.HasSuffix(string(head), want) {
					t.Fatalf("header ends with %q, want %q", head[len(head)-20:], want)
				}
				if s.objects == 1 {
					body = append(append([]byte{'['}, body...), ']')
				}
				var objects []struct {
					Machine string             `json:"machine"`
					TS      int64              `json:"ts"`
					Values  map[string]float64 `json:"values"`
				}
				if err := json.Unmarshal(body, &objects); err != nil || len(objects) != s.objects {
					t.Fatalf("%d objects, %v; want %d", len(objects), err, s.objects)
				}
				for _, o := range objects {
					for metric := range o.Values {
						series[o.Machine+metric] = true
						seen[fmt.Sprint(o.Machine, metric, o.TS)] = true
					}
				}
			}
			if len(seen) != 3000 || len(series) != plantSeries {
				t.Errorf("%d readings of %d series, want 3000 of %d", len(seen), len(series), plantSeries)
			}
		})
	}
}

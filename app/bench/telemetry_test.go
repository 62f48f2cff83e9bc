package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestFormatsEncodeTheSameReadings compares the bodies in all formats.
func TestFormatsEncodeTheSameReadings(t *testing.T) {
	t.Parallel()
	bodyOf := func(f format) []string {
		g := &generator{requestShape: writeShapes[0], at: 1_790_000_000_000}
		head, body, _ := strings.Cut(string(g.appendPost(nil, f)), "\r\n\r\n")
		if want := fmt.Sprintf("Content-Length: %d", len(body)); !strings.HasPrefix(head, "POST "+f.path+" HTTP/1.1\r\n") || !strings.HasSuffix(head, want) {
			t.Errorf("%s: header %q, want it to end with %q", f.name, head, want)
		}
		return strings.Split(body, "\n")
	}
	objects, lines := bodyOf(ndjsonFormat), bodyOf(lineFormat)
	if want := "[" + strings.Join(objects, ",") + "]"; strings.Join(bodyOf(jsonFormat), "\n") != want {
		t.Error("JSON is not the array of the objects of NDJSON")
	}
	if len(objects) != 125 || len(lines) != 125 {
		t.Fatalf("%d objects and %d lines, want 125", len(objects), len(lines))
	}
	for i, object := range objects {
		var o struct {
			Machine string                 `json:"machine"`
			TS      int64                  `json:"ts"`
			Values  map[string]json.Number `json:"values"`
		}
		if err := json.Unmarshal([]byte(object), &o); err != nil || len(o.Values) != 8 {
			t.Fatalf("object %d: %q, %v", i, object, err)
		}
		var fields []string
		for j := range len(o.Values) {
			name := fmt.Sprintf("metric_%d", j)
			fields = append(fields, name+"="+o.Values[name].String())
		}
		if want := fmt.Sprintf("opcua,machine=%s %s %d", o.Machine, strings.Join(fields, ","), o.TS); lines[i] != want {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
}

// TestGeneratorNeverRepeatsAReading also checks that the bodies are valid
// telemetry.
func TestGeneratorNeverRepeatsAReading(t *testing.T) {
	t.Parallel()
	for _, s := range ingestShapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := &generator{requestShape: s, at: 1_790_000_000_000}
			seen, series := make(map[string]bool), make(map[string]bool)
			for range 3000 / (s.objects * s.values) {
				head, body, _ := bytes.Cut(g.appendRequest(nil), []byte("\r\n\r\n"))
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
			if len(seen) != 3000 || len(series) != generatorSeries {
				t.Errorf("%d readings of %d series, want 3000 of %d", len(seen), len(series), generatorSeries)
			}
		})
	}
}

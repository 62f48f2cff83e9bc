package replay_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/cli/replay"
)

func TestRunPostsTelemetryAndEvents(t *testing.T) {
	t.Parallel()
	var s fakeServer
	text := `{"ts":1700000000000,"kind":"state","state":"running"}
{"ts":"2023-11-14T22:13:21Z","kind":"reason","from":1699999990000,"to":1700000000000,"reason":"jam","id":"r1"}
{"ts":1700000002000,"values":{"speed":5,"load":0.1}}

{"machine":"press 2","ts":1700000003000,"kind":"note","text":"a \"b\""}
{"machine":"press 2","ts":1700000004000,"values":{"speed":1.7976931348623157e308}}
`
	run := func() []string {
		sum := mustRun(t, fastOptions(s.start(t), writeRecording(t, "press-1.ndjson", text)))
		if !sum.OK() || sum.Accepted != 6 || sum.Rows != 5 {
			t.Fatalf("Run() = %+v, want 6 points of 5 rows accepted", sum)
		}
		return s.events
	}
	first := slices.Clone(run())
	withoutID := regexp.MustCompile(`"id":"replay-[0-9a-f]{24}"`)
	want := []string{
		`/api/v1/machines/press-1/events [{"id":"","kind":"state","state":"running","ts":1700000000000},{"from":1699999990000,"id":"r1","kind":"reason","reason":"jam","to":1700000000000,"ts":1700000001000}] <nil>`,
		`/api/v1/machines/press 2/events [{"id":"","kind":"note","text":"a \"b\"","ts":1700000003000}] <nil>`,
	}
	for i := range want {
		if got := withoutID.ReplaceAllString(first[i], `"id":""`); got != want[i] {
			t.Errorf("request %d = %s, want %s", i, got, want[i])
		}
	}
	points := s.received()
	if len(points) != 3 || points[2] != (point{"press 2", "speed", 1700000004000, 1.7976931348623157e308}) || points[0].machine != "press-1" {
		t.Errorf("points = %+v", points)
	}
	s.events = nil
	if again := run(); !slices.Equal(again, first) {
		t.Errorf("the second replay posts %q, want the same ids as %q", again, first)
	}
}

func TestNDJSONErrorsNameTheLine(t *testing.T) {
	t.Parallel()
	good := `{"ts":1700000000000,"kind":"state","state":"idle"}` + "\n"
	for text, want := range map[string]string{
		good + `{"kind":"state"}`:                                   "f.csv:2: ts \"\"",
		good + `{"ts":1700000000,"kind":"state"}`:                   `f.csv:2: ts "1700000000" looks like Unix seconds`,
		good + `{"ts":1700000000000}`:                               "f.csv:2: neither an event with a kind nor telemetry with values",
		good + `{"ts":1700000000000,"values":{}}`:                   "f.csv:2: neither",
		good + `{"ts":1700000000000,"values":{"a":1},"machine":1}`:  `f.csv:2: machine "1" is not a text`,
		good + `{"ts":1700000000000,"values":{"a":1},"machine":""}`: "f.csv:2: machine name is empty",
		good + `{"ts":`: "f.csv:2: not a JSON object",
		good + "1,2":    "f.csv:2: not a JSON object",
	} {
		if _, _, err := readAll(text, replay.Columns{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("read(%q) = %v, want an error with %q", text, err, want)
		}
	}
	if _, _, err := readAll(good, replay.Columns{Metric: "m"}); err == nil || !strings.Contains(err.Error(), "no column can be named") {
		t.Errorf("with a metric = %v, want an error", err)
	}
}

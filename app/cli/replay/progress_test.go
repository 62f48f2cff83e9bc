package replay_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"smart-factory-backend/app/cli/replay"
)

func TestProgressPrintsLinesWithoutATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s fakeServer
		var out strings.Builder
		o := fastOptions("http://server", writeRecording(t, "m.csv", secondlyRows(12)))
		o.Transport, o.Progress = &s, replay.NewProgress(&out)
		o.Speed = 1 / 1.1 // so that no reading is due when a line is printed
		mustRun(t, o)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 2 || strings.ContainsAny(out.String(), "\r\x1b") {
			t.Fatalf("progress = %q, want a plain line every 5 s", out.String())
		}
		if want := "replay:  84%, 10 points, 1.0/s, ETA 1.9 s"; lines[1] != want {
			t.Errorf("progress = %q, want %q", lines[1], want)
		}
	})
}

func TestProgressRedrawsOneLineOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := fakeServer{override: func(n int, _ []point) (int, map[string]string, string) {
			if n >= 3 && n <= 5 {
				return refused, nil, ""
			}
			return 0, nil, ""
		}}
		var out strings.Builder
		o := fastOptions("http://server", writeRecording(t, "m.csv", secondlyRows(30)))
		o.Transport, o.Speed = &s, 1
		o.Progress = &replay.Progress{Out: &out, Width: func() int { return 100 }}
		mustRun(t, o)
		text := out.String()
		for _, want := range []string{"\r[==========          ]  51%, 15 points, ", "2 points, ", "/s, 2 retries, retrying: dial: connection refused\x1b", ", ETA "} {
			if !strings.Contains(text, want) {
				t.Errorf("progress lacks %q: %.400q…", want, text)
			}
		}
		if !strings.HasSuffix(text, "\r\x1b[K") || strings.Contains(text, "\n") {
			t.Errorf("progress ends with %q, want the line erased", text[max(0, len(text)-20):])
		}
		for drawn := range strings.SplitSeq(text, "\r") {
			if shown := strings.TrimSuffix(drawn, "\x1b[K"); len(shown) >= 100 {
				t.Errorf("line of %d columns on a terminal of 100: %q", len(shown), shown)
			}
		}
	})
}

func TestProgressShowsWhenTheNextReadingIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s fakeServer
		var out strings.Builder
		o := fastOptions("http://server", writeRecording(t, "m.csv", hourlyRows(2)))
		o.Transport, o.Speed = &s, 1
		o.Progress = &replay.Progress{Out: &out, Width: func() int { return 200 }}
		mustRun(t, o)
		if want := "next reading in 50 min 00 s"; !strings.Contains(out.String(), want) {
			t.Errorf("progress lacks %q", want)
		}
	})
}

func TestProgressSaysAtOnceThatThereIsNoServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := fakeServer{override: func(n int, _ []point) (int, map[string]string, string) {
			if n <= 3 {
				return refused, nil, ""
			}
			return 0, nil, ""
		}}
		var out strings.Builder
		o := fastOptions("http://u:password@server:3000/base", writeRecording(t, "m.csv", secondlyRows(1)))
		o.Transport, o.Progress = &s, replay.NewProgress(&out)
		mustRun(t, o)
		if want := "replay: no server at http://u:xxxxx@server:3000/base: dial: connection refused; retrying\n"; out.String() != want {
			t.Errorf("progress = %q, want %q once", out.String(), want)
		}
	})
}

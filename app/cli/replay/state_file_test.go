package replay_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smart-factory-backend/app/cli/replay"
)

func TestStateFileResumesWhereTheReplayStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var s fakeServer
	s.override = func(n int, _ []point) (int, map[string]string, string) {
		if n == 4 {
			cancel()
			return cutResponse, nil, ""
		}
		return 0, nil, ""
	}
	o := fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(30)), writeRecording(t, "n.csv", hourlyRows(25)))
	o.Batch, o.Clients, o.State = 10, 1, filepath.Join(t.TempDir(), "state.json")
	if sum := mustRunContext(ctx, t, o); !sum.Interrupted || sum.Rows != 30 {
		t.Fatalf("Run() = %+v, want it interrupted after 30 rows", sum)
	}
	sum := mustRun(t, o)
	if !sum.OK() || sum.Rows != 25 || sum.Files[0].Skipped != 30 || len(s.received()) != 55 {
		t.Errorf("Run() again = %+v, %d points in all; want the other 25 rows", sum, len(s.received()))
	}
	if sum := mustRun(t, o); !sum.OK() || sum.Sent != 0 {
		t.Errorf("Run() when all is done = %+v, want nothing sent", sum)
	}
	appendToFile(t, o.Files[1], "2027-01-01 00:00:00,99\n")
	if sum := mustRun(t, o); !sum.OK() || sum.Sent != 1 || s.received()[55].value != 99 {
		t.Errorf("Run() after the file grew = %+v, want the new row sent", sum)
	}
}

func TestStateFileCountsRowsNotPoints(t *testing.T) {
	t.Parallel()
	var s fakeServer
	s.override = func(n int, _ []point) (int, map[string]string, string) {
		if n == 2 {
			return 401, nil, ""
		}
		return 0, nil, ""
	}
	// The second row has no reading, the rows around it have one each.
	o := fastOptions(s.start(t), writeRecording(t, "m.csv", "t,a,b\n1767225600000,1,\n1767225601000,,\n1767225602000,,3\n1767225603000,4,5\n"))
	o.Batch, o.State = 3, filepath.Join(t.TempDir(), "state.json")
	if sum := mustRun(t, o); sum.Files[0].Rows != 3 || sum.Sent != 2 || sum.Missing != 4 {
		t.Errorf("Run() = %+v, %+v; want 3 rows with 2 readings", sum, sum.Files[0])
	}
	if sum := mustRun(t, o); !sum.OK() || sum.Rows != 1 || sum.Sent != 2 || len(s.received()) != 4 {
		t.Errorf("Run() again = %+v, %d points in all; want the last row", sum, len(s.received()))
	}
}

func TestSkipRowsSkipsTheBeginning(t *testing.T) {
	t.Parallel()
	var s fakeServer
	o := fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(30)))
	o.SkipRows = 28
	if sum := mustRun(t, o); !sum.OK() || len(s.received()) != 2 || s.received()[0].value != 28 || sum.Files[0].Rows != 30 {
		t.Errorf("Run() = %+v, server got %v; want the last 2 rows", sum, s.received())
	}
	o.SkipRows = 31
	if sum := mustRun(t, o); sum.OK() || !strings.Contains(sum.Files[0].Error, "fewer than the 31 rows") {
		t.Errorf("Run() past the end = %+v, want an error that says so", sum.Files[0])
	}
}

func TestStateFileKeepsTheShiftOnResume(t *testing.T) {
	t.Parallel()
	var s fakeServer
	s.override = func(n int, _ []point) (int, map[string]string, string) {
		if n == 2 {
			return 401, nil, ""
		}
		return 0, nil, ""
	}
	o := fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(20)))
	o.Batch, o.ShiftToNow, o.State = 10, true, filepath.Join(t.TempDir(), "state.json")
	mustRun(t, o)
	if sum := mustRun(t, o); !sum.OK() {
		t.Fatalf("Run() = %+v, want the rest accepted", sum)
	}
	got := s.received()
	for i := 1; i < len(got); i++ {
		if step := got[i].ts - got[i-1].ts; step != 3_600_000 {
			t.Errorf("reading %d comes %d ms after the one before, want an hour as recorded", i, step)
		}
	}
}

func TestStateFileOfAnotherReplayIsRefused(t *testing.T) {
	t.Parallel()
	path := writeRecording(t, "m.csv", hourlyRows(3))
	var s fakeServer
	url := s.start(t)
	tests := map[string]struct {
		state  string
		change func(*replay.Options)
		want   string
	}{
		"not a state file": {"hello", func(*replay.Options) {}, "not written by replay"},
		"another server":   {"", func(o *replay.Options) { o.URL = "http://example.invalid" }, "belongs to a replay to " + url},
		"another machine":  {"", func(o *replay.Options) { o.Machine = "x" }, `was replayed as machine "m"`},
		"negative rows":    {`{"url":"` + url + `/api/v1/telemetry","files":{"/a":{"rows":-1}}}`, func(*replay.Options) {}, "invalid position"},
		"cannot be written": {"", func(o *replay.Options) {
			o.State = filepath.Join(o.State, "x")
		}, "state file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := fastOptions(url, path)
			o.State = filepath.Join(t.TempDir(), "state.json")
			if tt.state != "" {
				if err := os.WriteFile(o.State, []byte(tt.state), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if sum := mustRun(t, o); !sum.OK() {
				t.Fatalf("Run() = %+v", sum)
			}
			tt.change(&o)
			if _, err := replay.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run() = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestStateFileRefusesAShorterRecording(t *testing.T) {
	t.Parallel()
	var s fakeServer
	o := fastOptions(s.start(t), writeRecording(t, "m.csv", hourlyRows(3)))
	o.State = filepath.Join(t.TempDir(), "state.json")
	mustRun(t, o)
	if err := os.WriteFile(o.Files[0], []byte(hourlyRows(2)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is shorter") {
		t.Errorf("Run() = %v, want an error", err)
	}
}

func appendToFile(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

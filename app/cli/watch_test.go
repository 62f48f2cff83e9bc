package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cli"
	"smart-factory-backend/app/control"
)

// statusFunc is a statusReader.
type statusFunc func() (control.Status, error)

func (s statusFunc) Status(context.Context) (control.Status, error) { return s() }

// writeRecorder records every Write separately.
type writeRecorder struct{ writes []string }

func (r *writeRecorder) Write(p []byte) (int, error) {
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

// watch returns what --watch writes for n statuses of s.
func watch(t *testing.T, n int, s statusFunc, terminal cli.Terminal, asJSON bool) []string {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stopped := errors.New("stopped")
	ticks := make(chan time.Time, n)
	for range n {
		ticks <- time.Time{}
	}
	calls := 0
	counted := statusFunc(func() (control.Status, error) {
		if calls++; calls > n {
			cancel(stopped)
		}
		return s()
	})
	var r writeRecorder
	if err := cli.Watch(ctx, counted, ticks, &r, terminal, asJSON); !errors.Is(err, stopped) {
		t.Errorf("watch = %v, want the cause of its end", err)
	}
	return r.writes
}

func constantStatus() (control.Status, error) { return sampleStatus(), nil }

func TestWatchRefreshesATerminalInPlace(t *testing.T) {
	t.Parallel()
	writes := watch(t, 2, constantStatus, cli.Terminal{Width: 200, Height: 50}, false)
	if len(writes) != 4 {
		t.Fatalf("watch wrote %d times, want to prepare, two pages, and to clean up: %q", len(writes), writes)
	}
	if writes[0] != "\x1b[?25l\x1b[2J" || writes[3] != "\x1b[?25h" {
		t.Errorf("watch begins with %q and ends with %q, want the cursor hidden and shown", writes[0], writes[3])
	}
	for _, page := range writes[1:3] {
		lines := strings.Split(page, "\n")
		if !strings.HasPrefix(page, "\x1b[H") || !strings.HasSuffix(page, "\n\x1b[J") {
			t.Errorf("a page is %q, want it to begin at home and clear what is below", page)
		}
		for _, line := range lines[:len(lines)-1] {
			if !strings.HasSuffix(line, "\x1b[K") {
				t.Errorf("the line %q doesn't clear what was longer before", line)
			}
		}
		if want := len(cli.StatusPage(sampleStatus(), nil, false)); len(lines)-1 != want {
			t.Errorf("a page has %d lines, want %d", len(lines)-1, want)
		}
	}
}

func TestWatchNeverScrollsATerminal(t *testing.T) {
	t.Parallel()
	for _, terminal := range []cli.Terminal{{Width: 20, Height: 5}, {Width: 1, Height: 1}, {Width: 80, Height: 24}} {
		page := watch(t, 1, constantStatus, terminal, false)[1]
		lines := strings.Split(strings.TrimPrefix(page, "\x1b[H"), "\n")
		if len(lines) > max(terminal.Height, 2) { // the last is where the cursor stays
			t.Errorf("a page of %d lines on %+v", len(lines), terminal)
		}
		for _, line := range lines[:len(lines)-1] {
			if text := strings.TrimSuffix(line, "\x1b[K"); len([]rune(text)) > terminal.Width {
				t.Errorf("the line %q on %+v", text, terminal)
			}
		}
	}
	if page := watch(t, 1, constantStatus, cli.Terminal{Width: 80, Height: 6}, false)[1]; !strings.Contains(page, "… 11 more lines") {
		t.Errorf("a page that was cut does not say so: %q", page)
	}
}

func TestWatchAppendsWithoutATerminal(t *testing.T) {
	t.Parallel()
	writes := watch(t, 2, constantStatus, cli.Terminal{}, false)
	page := strings.Join(cli.StatusPage(sampleStatus(), nil, false), "\n") + "\n\n"
	if len(writes) != 2 || writes[0] != page || writes[1] != page {
		t.Errorf("watch wrote %q, want two pages", writes)
	}
	for i, line := range watch(t, 2, constantStatus, cli.Terminal{Width: 80, Height: 24}, true) {
		var s control.Status
		if err := json.Unmarshal([]byte(line), &s); err != nil || s.PID != sampleStatus().PID || strings.Count(line, "\n") != 1 {
			t.Errorf("line %d of --watch --json = %q, %v", i, line, err)
		}
	}
}

func TestWatchRetriesWhenTheServerIsUnreachable(t *testing.T) {
	t.Parallel()
	calls := 0
	writes := watch(t, 3, func() (control.Status, error) {
		if calls++; calls == 2 {
			return control.Status{}, errors.New("connection refused")
		}
		return sampleStatus(), nil
	}, cli.Terminal{}, false)
	if len(writes) != 3 || writes[1] != "no status: connection refused\n\n" || writes[2] != writes[0] {
		t.Errorf("watch wrote %q, want a page, why there is none, and a page", writes)
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		line  string
		width int
		want  string
	}{
		"shorter":              {"abc", 5, "abc"},
		"as long":              {"abc", 3, "abc"},
		"longer":               {"abcd", 3, "abc"},
		"letters, not bytes":   {"äöüß", 3, "äöü"},
		"colours don't count":  {"\x1b[31mabc\x1b[0m", 3, "\x1b[31mabc\x1b[0m"},
		"a colour is ended":    {"\x1b[31mabcd\x1b[0m", 3, "\x1b[31mabc\x1b[0m"},
		"nothing fits":         {"abc", 0, ""},
		"a colour, nothing in": {"\x1b[31m\x1b[0m", 0, "\x1b[31m\x1b[0m"},
	}
	for name, tt := range tests {
		if got := cli.Clip(tt.line, tt.width); got != tt.want {
			t.Errorf("%s: clip(%q, %d) = %q, want %q", name, tt.line, tt.width, got, tt.want)
		}
	}
}

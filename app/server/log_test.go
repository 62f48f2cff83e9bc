package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/store"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/store/sqlite"
)

func TestTextLogPrintsTheStackBelowTheLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := NewLogger(&out, "text", slog.LevelInfo)
	log.Error("panic contained", slog.String(keyPlace, "handler"), slog.String(keyStack, "goroutine 1\nmain.go:7"))
	log.Info("ready")
	log.Debug("not at this level")
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 5 || !strings.Contains(lines[0], "place=handler") || strings.Contains(lines[0], "goroutine") ||
		lines[1] != "goroutine 1" || lines[2] != "main.go:7" || !strings.Contains(lines[3], "msg=ready") {
		t.Errorf("the log is\n%s", out.String())
	}
}

func TestJSONLogKeepsTheStackInTheObject(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	NewLogger(&out, "json", slog.LevelInfo).Error("panic contained", slog.String(keyStack, "goroutine 1\nmain.go:7"))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line[keyStack] != "goroutine 1\nmain.go:7" {
		t.Errorf("the line is %s, %v", out.String(), err)
	}
}

func TestJSONLogWritesDurationsWithTheirUnit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := NewLogger(&out, "json", slog.LevelInfo).With(slog.Duration(keyLimit, time.Minute))
	log.Info("store", slog.Duration(keyDuration, 1500*time.Millisecond), slog.Group("step", slog.Any(keyDelay, 30*time.Microsecond)))
	for _, want := range []string{`"limit":"1m0s"`, `"duration":"1.5s"`, `"delay":"30µs"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the line is %s, want %s", out.String(), want)
		}
	}
}

// TestStoreEventsAreLogged: each event of an engine is one line with a level
// that tells whether somebody has to act.
func TestStoreEventsAreLogged(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	for name, tt := range map[string]struct {
		report func(a *App)
		level  string
		want   []string
	}{
		"a fault":                {func(a *App) { a.onStoreFault(cause) }, "ERROR", []string{"store can't commit", "disk full"}},
		"its end":                {func(a *App) { a.onStoreFault(nil) }, "INFO", []string{"store works again"}},
		"a panic in an engine":   {func(a *App) { a.onStoreFault(&store.PanicError{Stack: []byte("the stack")}) }, "ERROR", []string{"panic contained", "the stack"}},
		"a passed check":         {func(a *App) { a.onStoreEvent(store.Event{Kind: sqlite.EventChecked}) }, "INFO", []string{`"store"`}},
		"a failed check":         {func(a *App) { a.onStoreEvent(store.Event{Kind: sqlite.EventChecked, Err: cause}) }, "WARN", []string{"disk full"}},
		"sizes and counts":       {func(a *App) { a.onStoreEvent(store.Event{Kind: "x", Bytes: 7, Points: 9}) }, "WARN", []string{`"bytes":7`, `"count":9`}},
		"a new leader":           {func(a *App) { a.onStoreEvent(store.Event{Kind: postgres.EventLeading, Err: cause}) }, "INFO", []string{"disk full"}},
		"another postgres event": {func(a *App) { a.onStoreEvent(store.Event{Kind: "x", Points: 9}) }, "WARN", []string{`"count":9`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			tt.report(&App{log: NewLogger(&out, "json", slog.LevelInfo)})
			for _, want := range append(tt.want, `"level":"`+tt.level+`"`) {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the log is %s, want %s", out.String(), want)
				}
			}
		})
	}
}

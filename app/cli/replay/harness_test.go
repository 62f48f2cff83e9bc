package replay_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cli/replay"
)

// writeRecording writes a recording to a temporary directory and returns its path.
func writeRecording(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hourlyRows returns a recording with one row per hour, whose value is the number
// of the row.
func hourlyRows(rows int) string {
	var b strings.Builder
	b.WriteString("timestamp,value\n")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		fmt.Fprintf(&b, "%s,%d\n", at.Add(time.Duration(i)*time.Hour).Format(time.DateTime), i)
	}
	return b.String()
}

// fastOptions returns the options of a replay without a pace.
func fastOptions(url string, files ...string) replay.Options {
	return replay.Options{URL: url, Files: files, Batch: 1000, RetryFor: time.Minute}
}

// mustRun replays, and fails the test if the replay could not start.
func mustRun(t *testing.T, o replay.Options) replay.Summary {
	t.Helper()
	return mustRunContext(t.Context(), t, o)
}

func mustRunContext(ctx context.Context, t *testing.T, o replay.Options) replay.Summary {
	t.Helper()
	sum, err := replay.Run(ctx, o)
	if err != nil {
		t.Fatalf("Run() = %v, want no error", err)
	}
	return sum
}

// secondlyRows returns a recording with one row per second.
func secondlyRows(rows int) string {
	var b strings.Builder
	b.WriteString("time,value\n")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		fmt.Fprintf(&b, "%s,%d\n", at.Add(time.Duration(i)*time.Second).Format(time.DateTime), i%10)
	}
	return b.String()
}

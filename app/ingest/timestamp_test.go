package ingest_test

import (
	"testing"
	"time"
	_ "time/tzdata" // for systems without time zone data

	"smart-factory-backend/app/ingest"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"1700000000000":                 "2023-11-14T22:13:20Z",
		"2023-11-14T22:13:20Z":          "2023-11-14T22:13:20Z",
		"2023-11-14T23:13:20+01:00":     "2023-11-14T22:13:20Z",
		"2023-11-14T23:13:20 01:00":     "2023-11-14T22:13:20Z", // a plus sign decoded as a space
		"2023-11-14T23:13:20.5":         "2023-11-14T22:13:20.5Z",
		"2023-11-14T23:13":              "2023-11-14T22:13:00Z",
		"2023-11-14":                    "2023-11-13T23:00:00Z",
		"2026-10-25T02:30":              "2026-10-25T00:30:00Z", // occurs twice
		"2026-10-25T02:30:00.000+01:00": "2026-10-25T01:30:00Z",
	} {
		ms, err := ingest.ParseTime(text, berlin)
		if got := time.UnixMilli(ms).UTC().Format(time.RFC3339Nano); err != nil || got != want {
			t.Errorf("ParseTime(%q) = %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "noon", "2023-13-01", "14.11.2023", "1.5"} {
		if _, err := ingest.ParseTime(text, time.UTC); err == nil {
			t.Errorf("ParseTime(%q) = no error, want one", text)
		}
	}
}

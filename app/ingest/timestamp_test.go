package ingest_test

import (
	"strconv"
	"testing"
	"time"
	_ "time/tzdata" // for systems without time zone data

	"smart-factory-backend/app/ingest"
)

// What is accepted as an ISO 8601 time begins with its date, give or take the zone.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2023-11-14 23:13:20 +0100", "2023-11-14", "1700000000000", "2023-11-14T23:13:20.5-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ms, err := ingest.ParseTime(text, time.UTC)
		if err != nil {
			return
		}
		if _, failed := strconv.ParseInt(text, 10, 64); failed == nil {
			return
		}
		date, failed := time.Parse(time.DateOnly, text[:10])
		if distance := time.UnixMilli(ms).Sub(date); failed != nil || distance < -25*time.Hour || distance > 49*time.Hour {
			t.Errorf("ParseTime(%q) = %d", text, ms)
		}
	})
}

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
		"2023-11-14 22:13:20Z":          "2023-11-14T22:13:20Z",
		"2023-11-14 23:13:20":           "2023-11-14T22:13:20Z",
		"2023-11-14 23:13:20.25":        "2023-11-14T22:13:20.25Z",
		"2023-11-14 23:13:20 +01:00":    "2023-11-14T22:13:20Z",
		"2023-11-14T23:13:20+0100":      "2023-11-14T22:13:20Z",
		"2023-11-14T23:13:20.5-0130":    "2023-11-15T00:43:20.5Z",
		"2023-11-14T23:13:20+01":        "2023-11-14T22:13:20Z",
		"2023-11-14 23:13 0100":         "2023-11-14T22:13:00Z", // a plus sign decoded as a space
		"2023-11-14 23:13:20+0100":      "2023-11-14T22:13:20Z",
		"2023-11-14 23:13":              "2023-11-14T22:13:00Z",
		"2023-11-14T22:13Z":             "2023-11-14T22:13:00Z",
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
	for _, text := range []string{"", "noon", "2023-13-01", "14.11.2023", "1.5", "2023-11-14 ", "2023-11-14T", "2023-11-14 23", "2023-11-14x23:13:20Z", "2023-11-14 23:13:20 +01:00 x", "2023-11-14 noon", "2023-11-14T23:13:20+"} {
		if _, err := ingest.ParseTime(text, time.UTC); err == nil {
			t.Errorf("ParseTime(%q) = no error, want one", text)
		}
	}
}

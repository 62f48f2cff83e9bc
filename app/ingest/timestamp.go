package ingest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/ingest/jsonscan"
)

// ReadTimestamp reads the timestamp that is next in s: an integer of Unix
// milliseconds, or a string as ParseTime accepts it, UTC by default. detail says
// why the value is no timestamp; err is a syntax error.
func ReadTimestamp(s *jsonscan.Scanner) (ms int64, detail string, err error) {
	if s.Peek() == '"' {
		text, err := s.Text()
		if err != nil {
			return 0, "", err
		}
		if ms, err = ParseTime(text, time.UTC); err != nil {
			return 0, err.Error(), nil
		}
		return ms, "", nil
	}
	raw, err := s.Skip()
	if err != nil {
		return 0, "", err
	}
	ms, ok := jsonscan.ParseInteger(raw)
	if !ok {
		return 0, "must be an integer of Unix milliseconds or an ISO 8601 string", nil
	}
	return ms, "", nil
}

// ParseTime returns a time in Unix milliseconds. text is a number of Unix
// milliseconds or an ISO 8601 time; loc is the zone of one that names none. A
// local time that occurs twice, when clocks are set back, is the earlier one.
func ParseTime(text string, loc *time.Location) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms, nil
	}
	iso := normalizeISO(text)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04Z07"} {
		if t, err := time.Parse(layout, iso); err == nil {
			return t.UnixMilli(), nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, iso, loc); err == nil {
			return earliest(t).UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is neither Unix milliseconds nor an ISO 8601 time", jsonscan.Excerpt(text))
}

// normalizeISO replaces spaces in a time: the one between date and time by T, and the
// one before a zone by nothing, or by the plus sign that it was before a URL was
// decoded.
func normalizeISO(text string) string {
	const date = len(time.DateOnly)
	if len(text) <= date {
		return text
	}
	rest := text[date+1:]
	if before, zone, found := strings.Cut(rest, " "); found {
		if !strings.HasPrefix(zone, "+") && !strings.HasPrefix(zone, "-") {
			before += "+"
		}
		rest = before + zone
	}
	separator := text[date : date+1]
	if separator == " " {
		separator = "T"
	}
	return text[:date] + separator + rest
}

// earliest returns the first time at which the clock of t's zone shows what it
// shows at t. It differs from t just after the clock was set back.
func earliest(t time.Time) time.Time {
	change, _ := t.ZoneBounds()
	if change.IsZero() {
		return t
	}
	_, offset := t.Zone()
	_, before := change.Add(-time.Nanosecond).Zone()
	if same := t.Add(time.Duration(offset-before) * time.Second); same.Before(change) && before > offset {
		return same
	}
	return t
}

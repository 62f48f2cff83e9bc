package replay

import (
	"errors"
	"strconv"
	"time"

	"smart-factory-backend/app/factory"
)

// layouts are the accepted time layouts, each with an optional fraction of a
// second. Times without a zone are UTC.
var layouts = [...]string{
	"2006-01-02 15:04:05",
	time.RFC3339,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
}

// maxUnixMillis is the end of the year 9999, the last one in RFC 3339.
const maxUnixMillis = 253_402_300_799_999

var (
	errNotTime = errors.New(`is not a time ("2006-01-02 15:04:05" in UTC, RFC 3339 or Unix milliseconds)`)
	errSeconds = errors.New("looks like Unix seconds; want Unix milliseconds")
)

// parseTime parses a timestamp into Unix milliseconds.
func parseTime(text string) (int64, error) {
	if isInteger(text) {
		ms, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil || ms > maxUnixMillis:
			return 0, errNotTime
		case ms < factory.MinObservedAt:
			return 0, errSeconds
		}
		return ms, nil
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, errNotTime
}

func isInteger(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return len(text) > 0
}

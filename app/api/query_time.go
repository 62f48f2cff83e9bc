package api

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"smart-factory-backend/app/ingest"
)

// Unix milliseconds in this range are times of the years 1970 to 1973, which nobody
// asks for; the same numbers are seconds of the years 1973 to 5138.
const (
	leastSeconds = 100_000_000
	mostSeconds  = 100_000_000_000
)

// relativeTime matches now, and now with an offset: now-90m, now+1d.
var relativeTime = regexp.MustCompile(`^now(?:([-+ ])(\d{1,6})(ms|s|m|h|d|w|mo|y))?$`)

// parseQueryTime returns the time of a parameter in Unix milliseconds: what
// ingest.ParseTime takes, or a time relative to now, whose days, weeks, months and
// years are those of loc.
func parseQueryTime(text string, loc *time.Location, now time.Time) (int64, error) {
	if match := relativeTime.FindStringSubmatch(text); match != nil {
		return addOffset(now.In(loc), match[1], match[2], match[3]).UnixMilli(), nil
	}
	ms, err := ingest.ParseTime(text, loc)
	if err != nil {
		return 0, fmt.Errorf("%w, nor relative like now-1h", err)
	}
	if _, notNumber := strconv.ParseInt(text, 10, 64); notNumber == nil && ms >= leastSeconds && ms < mostSeconds {
		return 0, fmt.Errorf("%s looks like seconds; times are Unix milliseconds, so append 000", text)
	}
	return ms, nil
}

func addOffset(now time.Time, sign, digits, unit string) time.Time {
	n, _ := strconv.Atoi(digits) // at most six digits, or none
	if sign == "-" {
		n = -n
	}
	switch unit {
	case "d":
		return now.AddDate(0, 0, n)
	case "w":
		return now.AddDate(0, 0, 7*n)
	case "mo":
		return now.AddDate(0, n, 0)
	case "y":
		return now.AddDate(n, 0, 0)
	case "":
		return now
	}
	length, _ := time.ParseDuration(strconv.Itoa(n) + unit) // of few digits
	return now.Add(length)
}

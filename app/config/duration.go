package config

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var errDuration = errors.New("not a duration")

// longUnit matches a number with a unit that time.ParseDuration lacks.
var longUnit = regexp.MustCompile(`^([0-9]{1,6})([dwy])`)

var longUnits = map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour}

// parseDuration accepts what time.ParseDuration does and days, weeks and years of
// 365 days before it (30d, 1d12h), also as ISO 8601 writes them (P30D, PT36H).
func parseDuration(text string) (time.Duration, error) {
	rest := strings.ToLower(text)
	rest, iso := strings.CutPrefix(rest, "p")
	var sum time.Duration
	long := false
	for parts := longUnit.FindStringSubmatch(rest); parts != nil; parts = longUnit.FindStringSubmatch(rest) {
		long = true
		n, _ := strconv.ParseInt(parts[1], 10, 64) // at most six digits
		unit := longUnits[parts[2]]
		if time.Duration(n) > (math.MaxInt64-sum)/unit {
			return 0, errDuration
		}
		sum += time.Duration(n) * unit
		rest = rest[len(parts[0]):]
	}
	if rest == "" && long {
		return sum, nil
	}
	if iso { // P1M is a month, PT1M a minute
		var hasTime bool
		if rest, hasTime = strings.CutPrefix(rest, "t"); !hasTime {
			return 0, errDuration
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 && long || d > math.MaxInt64-sum {
		return 0, errDuration
	}
	return sum + d, nil
}

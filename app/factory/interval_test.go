package factory_test

import (
	"errors"
	"math"
	"testing"
	"time"
	_ "time/tzdata" // the zones below

	"pgregory.net/rapid"

	"smart-factory-backend/app/factory"
)

func TestParseInterval(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]factory.Interval{
		"1ms": {Millis: 1}, "90s": {Millis: 90_000}, "1h30m": {Millis: 5_400_000}, "24h": {Millis: 86_400_000},
		"hour": {Calendar: factory.Hour}, "day": {Calendar: factory.Day}, "1d": {Calendar: factory.Day},
		"week": {Calendar: factory.Week}, "1w": {Calendar: factory.Week}, "month": {Calendar: factory.Month}, "1mo": {Calendar: factory.Month},
	} {
		if got, err := factory.ParseInterval(text); err != nil || got != want || got.Validate() != nil {
			t.Errorf("ParseInterval(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "1us", "1.5ms", "-1m", "0s", "2d", "day ", "year", "1 h"} {
		if got, err := factory.ParseInterval(text); !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("ParseInterval(%q) = %+v, %v, want ErrInvalid", text, got, err)
		}
	}
	for _, i := range []factory.Interval{{}, {Millis: -1}, {Millis: math.MaxInt64}, {Calendar: -1}, {Calendar: 17}} {
		if err := i.Validate(); !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("%+v.Validate() = %v, want ErrInvalid", i, err)
		}
	}
}

// TestIntervalBounds: the buckets of any interval cover all of time without a
// gap and without overlapping.
func TestIntervalBounds(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran", "America/Scoresbysund"}
	rapid.Check(t, func(rt *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(rt, "zone"))
		if err != nil {
			rt.Fatal(err)
		}
		interval := rapid.OneOf(
			rapid.Map(rapid.Int64Range(1, factory.MaxIntervalMillis), func(ms int64) factory.Interval { return factory.Interval{Millis: ms} }),
			rapid.Map(rapid.IntRange(int(factory.Hour), int(factory.Month)), func(c int) factory.Interval { return factory.Interval{Calendar: factory.Calendar(c)} }),
		).Draw(rt, "interval")
		at := rapid.OneOf(rapid.Int64Range(0, 2_200_000_000_000), rapid.Int64Range(0, 2_200_000_000_000), rapid.Int64(),
			rapid.SampledFrom([]int64{-1<<53 - 1, -1 << 53, 1<<53 - 1, 1 << 53})).Draw(rt, "at") // where the calendar is no longer reckoned with
		start, end := interval.Bounds(at, loc)
		if start > at || at >= end && at != math.MaxInt64 {
			rt.Fatalf("Bounds(%d) = %d to %d, which it is not in", at, start, end)
		}
		if s, e := interval.Bounds(start, loc); s != start || e != end {
			rt.Fatalf("Bounds(%d), the start, = %d to %d, want %d to %d", start, s, e, start, end)
		}
		if s, e := interval.Bounds(end-1, loc); end > start && (s != start || e != end) { // the last moment of all may be alone
			rt.Fatalf("Bounds(%d), the last moment, = %d to %d, want %d to %d", end-1, s, e, start, end)
		}
		if end < math.MaxInt64 {
			if s, _ := interval.Bounds(end, loc); s != end {
				rt.Fatalf("the bucket after the one that ends at %d begins at %d", end, s)
			}
		}
		if interval.Calendar == factory.Day && at >= 0 && at < 2_200_000_000_000 {
			y, m, d := time.UnixMilli(at).In(loc).Date()
			if y2, m2, d2 := time.UnixMilli(start).In(loc).Date(); y2 != y || m2 != m || d2 != d {
				rt.Fatalf("the day of %d begins on another date, at %d", at, start)
			}
			if y2, m2, d2 := time.UnixMilli(end).In(loc).Date(); y2 == y && m2 == m && d2 == d {
				rt.Fatalf("the day of %d is not over at its end, %d", at, end)
			}
		}
	})
}

func TestWeeksBeginOnMonday(t *testing.T) {
	t.Parallel()
	for day := range 14 {
		at := time.Date(2026, 11, 23+day, 15, 0, 0, 0, time.UTC)
		start, end := factory.Interval{Calendar: factory.Week}.Bounds(at.UnixMilli(), nil)
		if time.UnixMilli(start).UTC().Weekday() != time.Monday || end-start != 7*24*3_600_000 {
			t.Errorf("the week of %s is from %s, %d ms long", at, time.UnixMilli(start).UTC(), end-start)
		}
	}
}

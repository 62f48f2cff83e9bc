package postgres_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"smart-factory-backend/app/store/postgres"
)

func midnight(year int, month time.Month, day int) int64 {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).UnixMilli()
}

func TestPartitionsFollowCalendar(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC).UnixMilli()
	day := func(y int, m time.Month, d int) postgres.Span {
		return postgres.Span{Start: midnight(y, m, d), End: midnight(y, m, d+1)}
	}
	month := func(y int, m time.Month) postgres.Span {
		return postgres.Span{Start: midnight(y, m, 1), End: midnight(y, m+1, 1)}
	}
	tests := map[string]struct {
		times []int64
		want  []postgres.Span
	}{
		"today is a day":               {[]int64{now}, []postgres.Span{day(2026, 11, 25)}},
		"a day is one partition":       {[]int64{now, midnight(2026, 11, 25), midnight(2026, 11, 26) - 1}, []postgres.Span{day(2026, 11, 25)}},
		"midnight starts the next day": {[]int64{midnight(2026, 11, 26), now}, []postgres.Span{day(2026, 11, 25), day(2026, 11, 26)}},
		"32 days ago is a day":         {[]int64{midnight(2026, 10, 24)}, []postgres.Span{day(2026, 10, 24)}},
		"longer ago is a month":        {[]int64{midnight(2026, 9, 10), midnight(2013, 12, 31)}, []postgres.Span{month(2013, 12), month(2026, 9)}},
		"a month leaves out existing days": {
			[]int64{midnight(2026, 10, 24), midnight(2026, 10, 20)},
			[]postgres.Span{{Start: midnight(2026, 10, 1), End: midnight(2026, 10, 24)}, day(2026, 10, 24)},
		},
		"an existing month includes its days": {
			[]int64{midnight(2026, 10, 20), midnight(2026, 10, 30)}, []postgres.Span{month(2026, 10)},
		},
		"February of a leap year": {[]int64{midnight(2024, 2, 29)}, []postgres.Span{{Start: midnight(2024, 2, 1), End: midnight(2024, 3, 1)}}},
		"times out of bounds share a partition": {
			[]int64{math.MinInt64, -1, 0, midnight(1971, 1, 1) - 1, midnight(2200, 1, 1), math.MaxInt64 - 1},
			[]postgres.Span{{Start: math.MinInt64, End: midnight(1971, 1, 1)}, {Start: midnight(2200, 1, 1), End: math.MaxInt64}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := postgres.PlanPartitions(tt.times, now); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("partitions for %v = %v, want %v", tt.times, got, tt.want)
			}
		})
	}
}

// For any order of times, partitions do not overlap and have distinct names.
func TestPartitionsNeverOverlap(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC).UnixMilli()
	var times []int64
	for i := range int64(3000) {
		times = append(times, now+(i*i*i*7919%400-300)*23*3_600_000)
	}
	spans := postgres.PlanPartitions(times, now)
	names := map[string]bool{}
	for i, s := range spans {
		if s.Start >= s.End || i > 0 && spans[i-1].End > s.Start {
			t.Fatalf("partition %d is %v after %v", i, s, spans[max(0, i-1)])
		}
		if name := postgres.TableName(s); names[name] {
			t.Errorf("two partitions are named %s", name)
		} else {
			names[name] = true
		}
	}
	if len(spans) > 90 {
		t.Errorf("%d partitions for 400 days, want days near now and months beyond", len(spans))
	}
}

// For any layout, the windows cover the range exactly, and none has too many
// partitions.
func TestWindowsCoverRange(t *testing.T) {
	t.Parallel()
	var partitions []postgres.Span
	for i := range int64(3*postgres.MaxWindowPartitions + 5) {
		partitions = append(partitions, postgres.Span{Start: i * 10, End: i*10 + 10 - i%3}) // with gaps
	}
	for _, whole := range []postgres.Span{
		{Start: math.MinInt64, End: math.MaxInt64},
		{Start: 0, End: 10},
		{Start: 5, End: 1500},
		{Start: -100, End: -50},
		{Start: 1 << 40, End: 1 << 41},
		{Start: 9, End: 9},
		{Start: 10, End: 9},
	} {
		for _, backward := range []bool{false, true} {
			for _, known := range [][]postgres.Span{partitions, partitions[:70], nil} {
				next := whole.Start
				windows := postgres.Windows(known, whole.Start, whole.End, backward)
				for i := range windows {
					w := windows[i]
					if backward {
						w = windows[len(windows)-1-i]
					}
					if w.Start != next || w.End <= w.Start {
						t.Fatalf("windows of %v (backward %t) = %v", whole, backward, windows)
					}
					next = w.End
					in := 0
					for _, p := range known {
						if p.Start < w.End && w.Start < p.End {
							in++
						}
					}
					if in > postgres.MaxWindowPartitions {
						t.Errorf("window %v has %d partitions", w, in)
					}
				}
				if next != max(whole.Start, whole.End) && whole.Start < whole.End || whole.Start >= whole.End && len(windows) > 0 {
					t.Errorf("windows of %v (backward %t) end at %d", whole, backward, next)
				}
			}
		}
	}
}

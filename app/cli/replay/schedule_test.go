package replay_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smart-factory-backend/app/cli/replay"
)

// arrival is a reading as received, and the time since the start of the replay.
type arrival struct {
	after time.Duration
	ts    int64
	value float64
}

// replayPaced replays text, with options changed by change, and returns what
// arrived when. It runs in a synctest bubble.
func replayPaced(t *testing.T, text string, change func(*replay.Options)) []arrival {
	t.Helper()
	var mu sync.Mutex
	var arrivals []arrival
	start := time.Now()
	s := fakeServer{override: func(_ int, points []point) (int, map[string]string, string) {
		mu.Lock()
		defer mu.Unlock()
		for _, got := range points {
			arrivals = append(arrivals, arrival{time.Since(start), got.ts, got.value})
		}
		return 0, nil, ""
	}}
	o := fastOptions("http://server", writeRecording(t, "m.csv", text))
	o.Transport = &s
	change(&o)
	if sum := mustRun(t, o); !sum.OK() {
		t.Errorf("Run() = %+v, want all accepted", sum)
	}
	return arrivals
}

const irregularRows = `time,value
2026-01-01 00:00:00,0
2026-01-01 00:00:10,1
2026-01-01 00:00:11,2
2026-01-01 00:00:05,3
2026-01-01 00:01:00,4
`

func TestReadingsAreSentAtTheRecordedPaceTimesSpeed(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for speed, unit := range map[float64]time.Duration{1: time.Second, 10: time.Second / 10, 0.5: 2 * time.Second} {
		t.Run(fmt.Sprint(speed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := replayPaced(t, irregularRows, func(o *replay.Options) { o.Speed = speed })
				want := []arrival{{0, base, 0}, {10 * unit, base + 10_000, 1}, {11 * unit, base + 11_000, 2}, {60 * unit, base + 5_000, 3}, {60 * unit, base + 60_000, 4}}
				// A timestamp that runs backwards is due at once, with the
				// reading before it.
				want[3].after = 11 * unit
				if !slices.Equal(got, want) {
					t.Errorf("arrivals = %v, want %v", got, want)
				}
			})
		})
	}
}

func TestShiftToNowUsesTheDueTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UnixMilli()
		got := replayPaced(t, irregularRows, func(o *replay.Options) { o.Speed, o.ShiftToNow = 2, true })
		want := []arrival{{0, now, 0}, {5 * time.Second, now + 5_000, 1}, {5500 * time.Millisecond, now + 5_500, 2}, {5500 * time.Millisecond, now + 2_500, 3}, {30 * time.Second, now + 30_000, 4}}
		if !slices.Equal(got, want) {
			t.Errorf("arrivals = %v, want %v", got, want)
		}
	})
}

func TestShiftToNowWithoutPaceEndsNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UnixMilli()
		got := replayPaced(t, irregularRows, func(o *replay.Options) { o.ShiftToNow = true })
		want := []arrival{{0, now - 60_000, 0}, {0, now - 50_000, 1}, {0, now - 49_000, 2}, {0, now - 55_000, 3}, {0, now, 4}}
		if !slices.Equal(got, want) {
			t.Errorf("arrivals = %v, want %v", got, want)
		}
	})
}

func TestOverdueReadingsAreSentInOneBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Readings that become due during a slow request go into the next one.
		s := fakeServer{override: func(int, []point) (int, map[string]string, string) {
			wait := time.NewTimer(20 * time.Second)
			<-wait.C
			return 0, nil, ""
		}}
		var text strings.Builder
		text.WriteString("time,value\n")
		for i := range 60 {
			fmt.Fprintf(&text, "2026-01-01 00:00:%02d,%d\n", i, i)
		}
		o := fastOptions("http://server", writeRecording(t, "m.csv", text.String()))
		o.Transport, o.Speed = &s, 1
		if sum := mustRun(t, o); !sum.OK() || sum.Requests != 4 {
			t.Errorf("Run() = %+v, want 4 requests: one reading, 20, 20 and 19", sum)
		}
	})
}

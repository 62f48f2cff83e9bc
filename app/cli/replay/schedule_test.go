package replay_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smart-factory-backend/app/cli/replay"
)

// arrival is when a value was sent, after the start, and which time it had.
type arrival struct {
	after time.Duration
	ts    int64
	value float64
}

// paced replays text in a bubble of its own time, in which it returns what
// arrived when.
func replayPaced(t *testing.T, text string, change func(*replay.Options)) []arrival {
	t.Helper()
	var mu sync.Mutex
	var arrivals []arrival
	start := time.Now()
	p := fakeServer{override: func(_ int, points []point) (int, map[string]string, string) {
		mu.Lock()
		defer mu.Unlock()
		for _, got := range points {
			arrivals = append(arrivals, arrival{time.Since(start), got.ts, got.value})
		}
		return 0, nil, ""
	}}
	o := fastOptions("http://plant", writeRecording(t, "m.csv", text))
	o.Transport = &p
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
				// A time that ran backwards is due at once: with the reading
				// before it, which had come due.
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
		// A server that takes a minute gets the readings of that minute at once.
		p := fakeServer{override: func(int, []point) (int, map[string]string, string) {
			wait := time.NewTimer(20 * time.Second)
			<-wait.C
			return 0, nil, ""
		}}
		var text strings.Builder
		text.WriteString("time,value\n")
		for i := range 60 {
			fmt.Fprintf(&text, "2026-01-01 00:00:%02d,%d\n", i, i)
		}
		o := fastOptions("http://plant", writeRecording(t, "m.csv", text.String()))
		o.Transport, o.Speed = &p, 1
		if sum := mustRun(t, o); !sum.OK() || sum.Requests != 4 {
			t.Errorf("Run() = %+v, want 4 requests: one reading, 20, 20 and 19", sum)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := fakeServer{override: func(n int, _ []point) (int, map[string]string, string) {
			if n == 1 {
				return 503, map[string]string{"Retry-After": "7"}, ""
			}
			return 0, nil, ""
		}}
		o := fastOptions("http://plant", writeRecording(t, "m.csv", hourlyRows(1)))
		o.Transport = &p
		sum := mustRun(t, o)
		if took := time.Since(start); !sum.OK() || took < 7*time.Second || took > 8*time.Second {
			t.Errorf("Run() took %v, want 7 s and a little", took)
		}
	})
}

func TestRetriesBackOffAndEnd(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{"no wish of the server": "", "longer than is left": "61"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var gaps []time.Duration
				last := time.Now()
				p := fakeServer{override: func(int, []point) (int, map[string]string, string) {
					gaps = append(gaps, time.Since(last))
					last = time.Now()
					return 503, map[string]string{"Retry-After": after}, `{"detail":"disk full"}`
				}}
				start := time.Now()
				o := fastOptions("http://plant", writeRecording(t, "m.csv", hourlyRows(1)))
				o.Transport = &p
				sum := mustRun(t, o)
				if took := time.Since(start); took > time.Minute {
					t.Errorf("Run() took %v, want at most the minute", took)
				}
				if !strings.Contains(sum.Files[0].Error, "gave up") || !strings.Contains(sum.Files[0].Error, "disk full") {
					t.Errorf("error = %q, want why it gave up", sum.Files[0].Error)
				}
				if after == "" && (len(gaps) < 12 || len(gaps) > 30 || gaps[1] >= gaps[3] || slices.Max(gaps) > 5*time.Second) {
					t.Errorf("attempts after %v, want growing gaps of at most 5 s", gaps)
				}
				if after != "" && len(gaps) != 1 {
					t.Errorf("%d attempts, want 1: the server asks for more than is left", len(gaps))
				}
			})
		})
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"for the pace": 0, "for the server": -2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				p := fakeServer{override: func(int, []point) (int, map[string]string, string) { return status, nil, "" }}
				o := fastOptions("http://plant", writeRecording(t, "m.csv", hourlyRows(2)))
				o.Transport, o.Speed = &p, 1
				stop := time.AfterFunc(2*time.Second, cancel)
				defer stop.Stop()
				start := time.Now()
				sum := mustRunContext(ctx, t, o)
				if took := time.Since(start); !sum.Interrupted || took != 2*time.Second {
					t.Errorf("Run() took %v, interrupted %v; want 2s, true", took, sum.Interrupted)
				}
			})
		})
	}
}

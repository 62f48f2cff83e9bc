package replay_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := fakeServer{override: func(n int, _ []point) (int, map[string]string, string) {
			if n == 1 {
				return 503, map[string]string{"Retry-After": "7"}, ""
			}
			return 0, nil, ""
		}}
		o := fastOptions("http://server", writeRecording(t, "m.csv", hourlyRows(1)))
		o.Transport = &s
		sum := mustRun(t, o)
		if took := time.Since(start); !sum.OK() || took < 7*time.Second || took > 8*time.Second {
			t.Errorf("Run() took %v, want little more than 7 s", took)
		}
	})
}

func TestRetriesBackOffAndEnd(t *testing.T) {
	t.Parallel()
	for name, retryAfter := range map[string]string{"without Retry-After": "", "Retry-After beyond the limit": "61"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var delays []time.Duration
				last := time.Now()
				s := fakeServer{override: func(int, []point) (int, map[string]string, string) {
					delays = append(delays, time.Since(last))
					last = time.Now()
					return 503, map[string]string{"Retry-After": retryAfter}, `{"detail":"disk full"}`
				}}
				start := time.Now()
				o := fastOptions("http://server", writeRecording(t, "m.csv", hourlyRows(1)))
				o.Transport = &s
				sum := mustRun(t, o)
				if took := time.Since(start); took > time.Minute {
					t.Errorf("Run() took %v, want at most a minute", took)
				}
				if !strings.Contains(sum.Files[0].Error, "gave up") || !strings.Contains(sum.Files[0].Error, "disk full") {
					t.Errorf("error = %q, want the reason", sum.Files[0].Error)
				}
				if retryAfter == "" && (len(delays) < 12 || len(delays) > 30 || delays[1] >= delays[3] || slices.Max(delays) > 5*time.Second) {
					t.Errorf("attempts after %v, want increasing delays of at most 5 s", delays)
				}
				if retryAfter != "" && len(delays) != 1 {
					t.Errorf("%d attempts, want 1: the server asks for more time than is left", len(delays))
				}
			})
		})
	}
}

func TestWaitsEndWithTheContext(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"for the schedule": 0, "for a retry": refused} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s := fakeServer{override: func(int, []point) (int, map[string]string, string) { return status, nil, "" }}
				o := fastOptions("http://server", writeRecording(t, "m.csv", hourlyRows(2)))
				o.Transport, o.Speed = &s, 1
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

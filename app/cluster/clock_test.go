package cluster_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
)

// TestShortDurationsUseTheSystemClock: on a busy machine the coarse clock may
// lag by more than its tick although the process was not suspended.
func TestShortDurationsUseTheSystemClock(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{time.Millisecond, 50 * time.Millisecond, time.Second} {
		if got := cluster.ClockAfter(900*time.Millisecond, d); got < d {
			t.Errorf("with a clock that lags by 900 ms, %v end after %v", d, got)
		}
	}
}

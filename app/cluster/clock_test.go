package cluster_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
)

// TestShortTimesAreNotCutShort: on a busy machine the clock may be behind by
// more than its tick without the process having stood still.
func TestShortDurationsUseTheSystemClock(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{time.Millisecond, 50 * time.Millisecond, time.Second} {
		if got := cluster.ClockAfter(900*time.Millisecond, d); got < d {
			t.Errorf("with a clock that is 900 ms behind, %v are over in %v", d, got)
		}
	}
}

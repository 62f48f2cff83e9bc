package live_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/live"
)

func TestUpgradeRateIsAlsoTheBurst(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	allow := live.UpgradeLimiter(live.Limits{UpgradeRate: 4}, func() time.Time { return now })
	allowed := func() (n int) {
		for allow() {
			n++
		}
		return n
	}
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{0, 4}, {0, 0}, {249 * time.Millisecond, 0}, {time.Millisecond, 1}, {500 * time.Millisecond, 2}, {time.Hour, 4}} {
		now = now.Add(step.wait)
		if n := allowed(); n != step.want {
			t.Errorf("%v later %d upgrades are allowed, want %d", step.wait, n, step.want)
		}
	}
}

func TestNoUpgradeRateIsNoLimit(t *testing.T) {
	t.Parallel()
	allow := live.UpgradeLimiter(live.Limits{}, func() time.Time { return time.Time{} })
	for range 1000 {
		if !allow() {
			t.Fatal("an upgrade is refused without a limit")
		}
	}
}

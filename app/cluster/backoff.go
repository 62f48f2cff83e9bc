package cluster

import (
	"math/rand/v2"
	"time"
)

// restartIntensity decides when a failed worker may be started again. The
// goroutine of Run owns it. The caller passes the time.
type restartIntensity struct {
	Restart
	failures    []time.Duration // the times of those within Window
	step        int             // doublings of BackoffMin; 0 for none
	lastStepped time.Duration   // when step changed
}

// recordFailure notes a failure and returns how long to wait before the
// restart.
func (i *restartIntensity) recordFailure(now time.Duration) time.Duration {
	i.decay(now)
	i.failures = append(i.failures, now)
	if len(i.failures) <= i.MaxRestarts {
		return 0
	}
	i.failures = i.failures[len(i.failures)-i.MaxRestarts-1:] // older ones can't change the result
	delay := i.BackoffMin << i.step
	if delay < i.BackoffMax {
		i.step++ // not beyond BackoffMax, so that decay takes effect at once
	} else {
		delay = i.BackoffMax
	}
	i.lastStepped = now
	// Half of the delay is random: slots that failed together restart apart.
	return delay/2 + time.Duration(rand.Int64N(int64(delay/2)+1))
}

// decay forgets the failures that have left the window, and undoes one step
// for each window without a failure.
func (i *restartIntensity) decay(now time.Duration) {
	for len(i.failures) > 0 && now-i.failures[0] > i.Window {
		i.failures = i.failures[1:]
	}
	for i.step > 0 && now-i.lastStepped > i.Window {
		i.step--
		i.lastStepped += i.Window
	}
}

// recent returns the number of failures within the window.
func (i *restartIntensity) recent() int { return len(i.failures) }

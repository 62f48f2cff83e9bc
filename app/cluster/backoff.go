package cluster

import (
	"math/rand/v2"
	"time"
)

// intensity decides when a failed worker may start again. It is a value of the
// supervisor's goroutine and takes the time from its caller.
type restartIntensity struct {
	maxRestarts            int           // restarts within window that happen at once
	window                 time.Duration // also what a step of good behaviour takes
	minBackoff, maxBackoff time.Duration // bounds of the backoff

	failures []time.Duration // when, within the window
	step     int             // of the backoff; 0 is none
	lastStep time.Duration   // when step last changed
}

// failed notes a failure and returns how long to wait before the restart.
func (i *restartIntensity) recordFailure(now time.Duration) time.Duration {
	i.decay(now)
	i.failures = append(i.failures, now)
	if len(i.failures) <= i.maxRestarts {
		return 0
	}
	i.failures = i.failures[len(i.failures)-i.maxRestarts-1:] // the rest can't change the answer
	delay := i.minBackoff << i.step
	if delay < i.maxBackoff {
		i.step++ // no further: what decays is what was in use
	} else {
		delay = i.maxBackoff
	}
	i.lastStep = now
	// Half of it by chance, so that slots which failed together come back apart.
	return delay/2 + time.Duration(rand.Int64N(int64(delay/2)+1))
}

// decay forgets failures that left the window, and one step of the backoff for
// each window that passed without a failure.
func (i *restartIntensity) decay(now time.Duration) {
	for len(i.failures) > 0 && now-i.failures[0] > i.window {
		i.failures = i.failures[1:]
	}
	for i.step > 0 && now-i.lastStep > i.window {
		i.step--
		i.lastStep += i.window
	}
}

// recent is how many restarts the window holds.
func (i *restartIntensity) recent() int { return len(i.failures) }

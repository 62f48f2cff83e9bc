// Package retry decides when the sub-commands that send data repeat a request.
package retry

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	minDelay = 200 * time.Millisecond
	maxDelay = 5 * time.Second
)

// Backoff spaces the retries of one request. The zero value is ready to use. It is not
// safe for concurrent use.
type Backoff struct {
	attempts int
	started  time.Time
}

// Next counts a failure and returns how long to wait: retryAfter, which the
// server asked for, plus a delay that doubles with each failure. Half of the
// delay is random, so that clients that failed together retry at different times.
func (b *Backoff) Next(retryAfter time.Duration) time.Duration {
	if b.attempts == 0 {
		b.started = time.Now()
	}
	delay := maxDelay
	if b.attempts < 5 {
		delay = min(maxDelay, minDelay<<b.attempts)
	}
	b.attempts++
	return retryAfter + delay/2 + rand.N(delay/2)
}

// Attempts returns the number of failures.
func (b *Backoff) Attempts() int { return b.attempts }

// Elapsed returns the time since the first failure.
func (b *Backoff) Elapsed() time.Duration { return time.Since(b.started) }

// ParseRetryAfter parses a Retry-After field (RFC 9110, section 10.2.3): seconds
// or a date. Anything else is 0.
func ParseRetryAfter(field string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(field, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// Sleep waits for d. If ctx ends first, it returns the cause.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

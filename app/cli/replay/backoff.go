package replay

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

// backoff spaces the attempts at one request. The zero value is ready.
type backoff struct {
	attempts int
	began    time.Time
}

// next counts a failure and returns how long to wait: what the server asked
// for, plus a delay that doubles and of which half is random, so that clients
// which failed together don't come back together.
func (b *backoff) next(asked time.Duration) time.Duration {
	if b.attempts == 0 {
		b.began = time.Now()
	}
	delay := maxDelay
	if b.attempts < 5 {
		delay = min(maxDelay, minDelay<<b.attempts)
	}
	b.attempts++
	return asked + delay/2 + rand.N(delay/2)
}

// elapsed is the time since the first failure.
func (b *backoff) elapsed() time.Duration { return time.Since(b.began) }

// retryAfter reads a Retry-After field: seconds or a date. Anything else is 0.
func retryAfter(field string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(field, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// sleep waits for d or until ctx ends, whose cause it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

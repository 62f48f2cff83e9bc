package replay

import (
	"math"
	"time"
)

// pace decides when a reading is sent and which time it gets. It begins with
// the first reading of a file.
type schedule struct {
	speed float64
	// toNow gives readings the time at which they are due.
	useDueTime bool
	// shift moves the times by so many milliseconds.
	shift int64

	start time.Time
	first int64
}

// due returns when a reading is to be sent; the zero time is at once. Time
// that runs backwards in a recording is long past, and so due at once.
func (p *schedule) due(observedAt int64) time.Time {
	if p.speed == 0 {
		return time.Time{}
	}
	if p.start.IsZero() {
		p.start, p.first = time.Now(), observedAt
	}
	wait := float64(observedAt-p.first) / p.speed * float64(time.Millisecond)
	const most = math.MaxInt64 / 2 // over a century
	return p.start.Add(time.Duration(max(-most, min(most, wait))))
}

// stamp returns the time that a reading gets.
func (p *schedule) timestamp(observedAt int64, due time.Time) int64 {
	if p.useDueTime && p.speed > 0 {
		return due.UnixMilli()
	}
	return observedAt + p.shift
}

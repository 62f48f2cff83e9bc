package replay

import (
	"math"
	"time"
)

// schedule decides when each reading of a file is sent and which timestamp it
// gets. It starts with the first reading.
type schedule struct {
	// speed is a multiple of the recorded pace; 0 sends without waiting.
	speed float64
	// useDueTime replaces timestamps by the time at which readings are due.
	useDueTime bool
	// shift is added to timestamps, in milliseconds.
	shift int64

	start time.Time
	first int64
}

// due returns when a reading is to be sent; zero means at once. A reading whose
// time is before that of the first is overdue, and so sent at once.
func (s *schedule) due(observedAt int64) time.Time {
	if s.speed == 0 {
		return time.Time{}
	}
	if s.start.IsZero() {
		s.start, s.first = time.Now(), observedAt
	}
	wait := float64(observedAt-s.first) / s.speed * float64(time.Millisecond)
	const limit = math.MaxInt64 / 2 // more than a century
	return s.start.Add(time.Duration(max(-limit, min(limit, wait))))
}

// timestamp returns the Unix milliseconds to send for a reading.
func (s *schedule) timestamp(observedAt int64, due time.Time) int64 {
	if s.useDueTime && s.speed > 0 {
		return due.UnixMilli()
	}
	return observedAt + s.shift
}

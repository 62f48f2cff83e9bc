package timeline

import "smart-factory-backend/app/factory"

// Counter computes the increase of a counter from its readings, one after another. A
// fall to less than half of the last counted value is a reset, after which the counter
// has counted from zero. A smaller fall is jitter: nothing is counted until the old
// value is passed again.
//
// The zero value has seen no reading.
type Counter struct {
	begun bool
	at    int64 // of the last reading
	// counted is the value up to which the increase is counted.
	counted float64
}

// Increase is the growth of a counter between two successive readings.
type Increase struct {
	From, To int64
	Amount   float64
}

// Add adds the next reading in order of time. It returns the increase since the
// previous one, which is zero for the first reading.
func (c *Counter) Add(p factory.Point) Increase {
	increase := Increase{From: c.at, To: p.ObservedAt}
	switch {
	case !c.begun:
		increase.From, c.begun, c.counted = p.ObservedAt, true, p.Value
	case p.Value < c.counted/2:
		increase.Amount, c.counted = max(p.Value, 0), p.Value
	case p.Value > c.counted:
		increase.Amount, c.counted = p.Value-c.counted, p.Value
	}
	c.at = p.ObservedAt
	return increase
}

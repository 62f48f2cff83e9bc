package oee

import (
	"math"

	"smart-factory-backend/app/factory/timeline"
)

// Losses are times in seconds that were lost. With the ideal time of the good pieces
// they add up to the planned busy time exactly, in any order of addition. Speed and
// Quality are nil if an ideal cycle is unknown; Speed is negative if the
// effectiveness is above 1.
type Losses struct {
	Setup   float64  `json:"setup"`
	Fault   float64  `json:"fault"`
	Blocked float64  `json:"blocked"`
	Starved float64  `json:"starved"`
	Idle    float64  `json:"idle"`
	Offline float64  `json:"offline"`
	Speed   *float64 `json:"speed"`
	Quality *float64 `json:"quality"`
}

// Loss is a part of the planned busy time.
type Loss struct {
	Name string `json:"name"`
	// Seconds is nil if an ideal cycle is unknown. Share is the share of the planned
	// busy time, nil if there is none.
	Seconds *float64 `json:"seconds"`
	Share   *float64 `json:"share"`
	// Parts add up to Seconds exactly.
	Parts []Loss `json:"parts,omitempty"`
}

// setLosses splits the busy time. t is nil if an ideal cycle is unknown.
func (f *Figures) setLosses(s *Sums, t *idealTime) {
	l := &f.Losses
	states := []struct {
		state timeline.State
		loss  *float64
	}{
		{timeline.Setup, &l.Setup},
		{timeline.Fault, &l.Fault},
		{timeline.Blocked, &l.Blocked},
		{timeline.Starved, &l.Starved},
		{timeline.Idle, &l.Idle},
		{timeline.Offline, &l.Offline},
	}
	g := f.grid(t)
	f.Busy = g.round(f.Busy)
	down := 0.0
	for _, e := range states {
		*e.loss = g.round(seconds(s.in(e.state)))
		down += *e.loss
	}
	var good, speed, quality *float64
	if t != nil {
		// The speed loss takes what rounding leaves.
		fruitful, ideal := g.round(t.good), g.round(t.all)
		rejected := ideal - fruitful
		slow := f.Busy - down - ideal
		good, speed, quality, f.Ideal = &fruitful, &slow, &rejected, &ideal
		l.Speed, l.Quality = speed, quality
	}
	part := func(name string, seconds *float64, parts ...Loss) Loss {
		node := Loss{Name: name, Seconds: seconds, Parts: parts}
		if seconds != nil && f.Busy != 0 {
			share := *seconds / f.Busy
			node.Share = &share
		}
		return node
	}
	byState := make([]Loss, len(states))
	for i, e := range states {
		seconds := *e.loss
		byState[i] = part(string(e.state), &seconds)
	}
	busy := f.Busy
	f.LossTree = part("planned_busy_time", &busy,
		part("good", good),
		part("availability", &down, byState...),
		part("effectiveness", speed, part("speed", speed)),
		part("quality", quality, part("scrap_and_rework", quality)))
}

// grid is a power of two of which all parts of a busy time are made multiples. It is
// so small that it changes at most their last digits, and so large that sums of the
// parts are exact: doubles hold integers up to 2^53.
type grid float64

func (g grid) round(x float64) float64 { return math.RoundToEven(x/float64(g)) * float64(g) }

// grid returns the grid of the busy time and its losses.
func (f *Figures) grid(t *idealTime) grid {
	most := f.Busy
	if t != nil {
		// What exceeds the busy time, a negative speed loss makes up for.
		most = max(most, math.Abs(t.good)+math.Abs(t.all-t.good)+f.Busy-f.Production)
	}
	_, exponent := math.Frexp(most * (1 + 0x1p-48))
	return grid(math.Ldexp(1, exponent-53))
}

package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// state is what a machine does, as it reports it.
type state string

const (
	running     state = "running"
	idle        state = "idle"
	setup       state = "setup"
	blocked     state = "blocked"
	starved     state = "starved"
	fault       state = "fault"
	plannedStop state = "planned_stop"
)

// buffer holds pieces between two machines.
type buffer struct {
	pieces, capacity float64
}

// machine is one simulated machine.
type machine struct {
	id, name, path string
	kind           *machineType
	rng            *rand.Rand
	// in is nil for the first machine of a line, out for the last.
	in, out *buffer

	state state
	since int64
	// forced is the state that the machine has until a time whatever its neighbours do;
	// "" while it can run.
	forced state
	until  int64
	reason string
	// untilFault is the running time left until the next fault in seconds, untilStop
	// that until the next short stop.
	untilFault, untilStop float64
	// pace is the present speed as a share of the ideal one.
	pace float64

	product     *product
	good, scrap float64
	values      []float64
	// disturbed is the gauge that a disturbance moves until a time; -1 for none.
	disturbed      int
	disturbedUntil int64
	untilDisturbed float64

	reported   state
	reportedAt int64
}

// shortStop is the mean length of a stop without a fault in seconds, and the mean
// running time between two.
const (
	shortStop         = 35
	betweenShortStops = 2400
	betweenDisturbed  = 5 * 3600
	disturbance       = 240
)

func newMachine(id, name, path string, kind *machineType, rng *rand.Rand) *machine {
	m := &machine{id: id, name: name, path: path, kind: kind, rng: rng, state: idle, disturbed: -1, values: make([]float64, len(kind.gauges))}
	for i, g := range kind.gauges {
		m.values[i] = g.idle
	}
	m.untilFault, m.untilStop, m.untilDisturbed = m.exp(kind.mtbf), m.exp(betweenShortStops), m.exp(betweenDisturbed)
	m.pace = m.newPace()
	return m
}

// exp returns a random time with a mean.
func (m *machine) exp(mean float64) float64 { return m.rng.ExpFloat64() * mean }

func (m *machine) newPace() float64 { return 0.88 + 0.11*m.rng.Float64() }

// stop makes the machine stand by itself for some seconds.
func (m *machine) stop(at int64, why state, seconds float64, reason string) {
	m.forced, m.until, m.reason = why, at+int64(seconds*1000), reason
}

// step lets seconds pass until at. eventRate is how many times as often things happen.
// It returns the stop with a reason that has ended, if any.
func (m *machine) step(at int64, seconds, eventRate float64) (ended *stopped) {
	if m.forced != "" && at >= m.until {
		if m.reason != "" {
			ended = &stopped{from: m.since, to: at, reason: m.reason}
		}
		m.forced, m.reason = "", ""
		m.pace = m.newPace()
	}
	next := m.next()
	if next == running {
		m.produce(seconds)
		m.untilFault -= seconds * eventRate
		m.untilStop -= seconds * eventRate
		switch {
		case m.untilFault <= 0:
			m.untilFault = m.exp(m.kind.mtbf)
			m.stop(at, fault, 20+m.exp(m.kind.mttr), m.pickReason())
		case m.untilStop <= 0:
			m.untilStop = m.exp(betweenShortStops)
			m.stop(at, idle, 5+m.exp(shortStop), "")
		}
	}
	if next != m.state {
		m.state, m.since = next, at
	}
	m.measure(at, seconds, eventRate)
	return ended
}

// next returns the state in which the machine spends the step.
func (m *machine) next() state {
	switch {
	case m.forced != "":
		return m.forced
	case m.in != nil && (m.in.pieces < 1 || m.state == starved && m.in.pieces < m.in.capacity/5):
		return starved
	case m.out != nil && (m.out.pieces >= m.out.capacity || m.state == blocked && m.out.pieces > m.out.capacity*4/5):
		return blocked
	}
	return running
}

func (m *machine) produce(seconds float64) {
	pieces := seconds / m.product.cycle * m.pace
	if m.in != nil {
		pieces = math.Min(pieces, m.in.pieces)
		m.in.pieces -= pieces
	}
	scrap := pieces * m.kind.scrap * 2 * m.rng.Float64()
	m.scrap += scrap
	m.good += pieces - scrap
	if m.out != nil {
		m.out.pieces = math.Min(m.out.capacity, m.out.pieces+pieces-scrap)
	}
}

// pickReason prefers the first reasons.
func (m *machine) pickReason() string {
	i := 0
	for i < len(m.kind.reasons)-1 && m.rng.Float64() < 0.45 {
		i++
	}
	return m.kind.reasons[i]
}

func (m *machine) measure(at int64, seconds, eventRate float64) {
	if m.state == running {
		m.untilDisturbed -= seconds * eventRate
		if m.untilDisturbed <= 0 {
			m.untilDisturbed = m.exp(betweenDisturbed)
			m.disturb(at, 60+m.exp(disturbance))
		}
	}
	if at >= m.disturbedUntil {
		m.disturbed = -1
	}
	for i, g := range m.kind.gauges {
		target := g.idle
		if m.state == running {
			target = g.run
		}
		lag := g.lag
		if i == m.disturbed {
			target, lag = g.limit+g.excursion, 25
		}
		m.values[i] += (target - m.values[i]) * (1 - math.Exp(-seconds/lag))
	}
}

// disturb moves a gauge that has an alarm rule beyond its limit.
func (m *machine) disturb(at int64, seconds float64) {
	var candidates []int
	for i, g := range m.kind.gauges {
		if g.limit != 0 {
			candidates = append(candidates, i)
		}
	}
	m.disturbed = candidates[m.rng.IntN(len(candidates))]
	m.disturbedUntil = at + int64(seconds*1000)
}

// textEvery is how often a machine repeats its texts, in milliseconds.
const textEvery = 60_000

// appendReport appends what the machine reports at a time, as the API takes it.
func (m *machine) appendReport(dst []byte, at int64) []byte {
	dst = fmt.Appendf(dst, `{"machine":%q,"ts":%d,"values":{`, m.id, at)
	for i, g := range m.kind.gauges {
		value := m.values[i] + m.rng.NormFloat64()*g.noise
		if g.metric == "speed" && m.state != running || value < 0 && g.low >= 0 {
			value = max(0, m.values[i]-g.noise)
		}
		dst = fmt.Appendf(dst, `%q:`, g.metric)
		dst = append(strconv.AppendFloat(dst, value, 'f', g.decimals, 64), ',')
	}
	if m.state != m.reported || at-m.reportedAt >= textEvery {
		m.reported, m.reportedAt = m.state, at
		dst = fmt.Appendf(dst, `"state":%q,"product":%q,`, m.state, m.product.id)
	}
	return fmt.Appendf(dst, `"good":%d,"scrap":%d}}`, int64(m.good), int64(m.scrap))
}

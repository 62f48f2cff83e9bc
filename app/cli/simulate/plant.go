package simulate

import (
	"fmt"
	"math/rand/v2"
)

// stopped is a stop that has ended.
type stopped struct {
	from, to int64
	reason   string
}

// Stop is one that has ended and whose reason an operator reports.
type Stop struct {
	Machine  string
	From, To int64 // Unix milliseconds
	Reason   string
}

// line is a simulated line.
type line struct {
	kind     *lineType
	rng      *rand.Rand
	machines []*machine
	// product is the index of the present product; untilChange and untilClean are the
	// seconds until the next change and the next planned stop.
	product                 int
	untilChange, untilClean float64
}

// Plant is the simulation. It is not safe for concurrent use.
type Plant struct {
	lines     []*line
	eventRate float64
	rng       *rand.Rand
}

// Mean times in seconds.
const (
	betweenProducts = 3 * 3600
	betweenCleaning = 20 * 3600
	changeover      = 600
	cleaning        = 1200
)

// unreported is the share of stops for which nobody gives a reason.
const unreported = 0.25

// NewPlant returns a plant with at least so many machines, a multiple of four. eventRate is
// how many times as often faults, changes and disturbances come; 1 is usual.
func NewPlant(seed uint64, machines int, eventRate float64) *Plant {
	p := &Plant{eventRate: eventRate, rng: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // a simulation that can be repeated
	for n := 0; len(p.lines) == 0 || p.Size() < machines; n++ {
		p.lines = append(p.lines, newLine(&lines[n%len(lines)], n/len(lines)+1, seed, uint64(n+1)))
	}
	return p
}

// Size returns the number of machines.
func (p *Plant) Size() int {
	n := 0
	for _, l := range p.lines {
		n += len(l.machines)
	}
	return n
}

func newLine(kind *lineType, number int, seed, stream uint64) *line {
	rng := rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // a simulation that can be repeated
	l := &line{kind: kind, rng: rng, product: rng.IntN(len(kind.products)), untilChange: rng.ExpFloat64() * betweenProducts, untilClean: rng.ExpFloat64() * betweenCleaning}
	name := kind.line
	if number > 1 {
		name = fmt.Sprintf("%s-%d", kind.line, number)
	}
	var before *buffer
	for i := range kind.machines {
		k := &kind.machines[i]
		title := k.name
		if number > 1 {
			title = fmt.Sprintf("%s %d", k.name, number)
		}
		m := newMachine(fmt.Sprintf("%s-%d", k.id, number), title, name, k, rand.New(rand.NewPCG(seed, stream<<16|uint64(i+1)))) //nolint:gosec // as above
		m.in = before
		if i < len(kind.machines)-1 {
			m.out = &buffer{}
			before = m.out
		}
		l.machines = append(l.machines, m)
	}
	l.setProduct()
	for _, m := range l.machines {
		if m.out != nil {
			m.out.pieces = m.out.capacity / 2
		}
	}
	return l
}

// setProduct makes all machines produce the line's product.
func (l *line) setProduct() {
	chosen := &l.kind.products[l.product]
	for _, m := range l.machines {
		m.product = chosen
		if m.out != nil {
			m.out.capacity = max(4, l.kind.buffer/chosen.cycle)
		}
	}
}

func (l *line) step(at int64, seconds, eventRate float64) {
	l.untilChange -= seconds * eventRate
	l.untilClean -= seconds * eventRate
	switch {
	case l.untilChange <= 0:
		l.untilChange = l.rng.ExpFloat64() * betweenProducts
		l.product = (l.product + 1) % len(l.kind.products)
		l.setProduct()
		for _, m := range l.machines {
			m.stop(at, setup, changeover*(0.4+0.6*l.rng.Float64()), "Change of product")
		}
	case l.untilClean <= 0:
		l.untilClean = l.rng.ExpFloat64() * betweenCleaning
		for _, m := range l.machines {
			m.stop(at, plannedStop, cleaning, "")
		}
	}
}

// Step lets seconds pass until at, in Unix milliseconds, and returns the stops that
// have ended and that somebody gives a reason for.
func (p *Plant) Step(at int64, seconds float64) []Stop {
	var stops []Stop
	for _, l := range p.lines {
		l.step(at, seconds, p.eventRate)
		for _, m := range l.machines {
			ended := m.step(at, seconds, p.eventRate)
			if ended != nil && ended.to > ended.from && p.rng.Float64() >= unreported {
				stops = append(stops, Stop{Machine: m.id, From: ended.from, To: ended.to, Reason: ended.reason})
			}
		}
	}
	return stops
}

// TriggerIncidents makes one machine fail and disturbs two others, so that a page has
// something to show.
func (p *Plant) TriggerIncidents(at int64) {
	first := p.lines[0].machines
	first[1].stop(at, fault, 150, first[1].pickReason())
	last := p.lines[len(p.lines)-1].machines
	last[1].disturb(at, 180)
	first[2].disturb(at, 60)
}

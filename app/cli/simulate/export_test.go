package simulate

// Report returns what all machines report at a time.
func Report(p *Plant, at int64) string {
	var b []byte
	for _, l := range p.lines {
		for _, m := range l.machines {
			b = m.appendReport(b, at)
		}
	}
	return string(b)
}

// MachineFigures are what a machine has done.
type MachineFigures struct {
	Seconds      map[string]float64 // by state
	IdealSeconds float64            // of its pieces
	Good, Scrap  float64
}

// Figures add up what the machines of a plant do.
type Figures struct {
	plant *Plant
	all   map[string]*MachineFigures
}

// NewFigures returns figures of a plant that has done nothing yet.
func NewFigures(p *Plant) *Figures { return &Figures{p, map[string]*MachineFigures{}} }

// Observe adds the last step.
func (f *Figures) Observe(seconds float64) {
	for _, l := range f.plant.lines {
		for _, m := range l.machines {
			g := f.all[m.id]
			if g == nil {
				g = &MachineFigures{Seconds: map[string]float64{}}
				f.all[m.id] = g
			}
			g.Seconds[string(m.state)] += seconds
			g.IdealSeconds += (m.good + m.scrap - g.Good - g.Scrap) * m.product.cycle
			g.Good, g.Scrap = m.good, m.scrap
		}
	}
}

// Machines returns the figures of all machines by id.
func (f *Figures) Machines() map[string]*MachineFigures { return f.all }

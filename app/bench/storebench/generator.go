package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"smart-factory-backend/app/factory"
)

// plantBegin is when regular data begin: a day of which PostgreSQL has a
// partition by the month.
const generatorStart = int64(1_767_571_200_000) // 2026-01-05 00:00 UTC

const metricsPerMachine = 10

// plant makes regular data: sensors that are read once a second and show three
// decimals, a slow wave with noise. All numbers are made ahead, so that what is
// measured is not their making.
type generator struct {
	readings []factory.Reading
	second   int
	next     int // the series that is next in this second
	wave     []int32
	noise    []int32
}

func newGenerator(series int) *generator {
	p := &generator{readings: make([]factory.Reading, series), wave: make([]int32, 1<<12), noise: make([]int32, 1<<16)}
	for i := range p.readings {
		p.readings[i].Machine = fmt.Sprintf("machine-%d", i/metricsPerMachine)
		p.readings[i].Metric = fmt.Sprintf("metric_%d", i%metricsPerMachine)
	}
	for i := range p.wave {
		p.wave[i] = int32(math.Round(20_000 + 5000*math.Sin(2*math.Pi*float64(i)/float64(len(p.wave)))))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range p.noise {
		p.noise[i] = int32(math.Round(random.NormFloat64() * 50))
	}
	return p
}

// fill puts the next readings into batch.
func (p *generator) fill(batch []factory.Reading) {
	for i := range batch {
		series := p.next
		r := &p.readings[series]
		r.ObservedAt = generatorStart + int64(p.second)*1000
		// Neither the phase of the wave nor the place in the noise comes again
		// in another series before a day is over.
		wave := p.wave[(p.second+series*37)%len(p.wave)]
		noise := p.noise[(p.second*31+series*2477+p.second>>16*7919)%len(p.noise)]
		r.Value = float64(wave+noise) / 1000
		batch[i] = *r
		if p.next++; p.next == len(p.readings) {
			p.next = 0
			p.second++
		}
	}
}

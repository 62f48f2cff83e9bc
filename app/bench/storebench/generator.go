package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"smart-factory-backend/app/factory"
)

// generatorStart is the first timestamp, on a day whose PostgreSQL partition covers
// a month.
const generatorStart = int64(1_767_571_200_000) // 2026-01-05 00:00 UTC

const metricsPerMachine = 10

// generator generates regular data: sensors sampled once per second with three
// decimals, a slow wave with noise. The waveforms are computed in advance, so that
// computing them is not measured.
type generator struct {
	readings []factory.Reading
	second   int
	next     int // next series in this second
	wave     []int32
	noise    []int32
}

func newGenerator(series int) *generator {
	g := &generator{readings: make([]factory.Reading, series), wave: make([]int32, 1<<12), noise: make([]int32, 1<<16)}
	for i := range g.readings {
		g.readings[i].Machine = fmt.Sprintf("machine-%d", i/metricsPerMachine)
		g.readings[i].Metric = fmt.Sprintf("metric_%d", i%metricsPerMachine)
	}
	for i := range g.wave {
		g.wave[i] = int32(math.Round(20_000 + 5000*math.Sin(2*math.Pi*float64(i)/float64(len(g.wave)))))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range g.noise {
		g.noise[i] = int32(math.Round(random.NormFloat64() * 50))
	}
	return g
}

// fill fills batch with the next readings.
func (g *generator) fill(batch []factory.Reading) {
	for i := range batch {
		series := g.next
		r := &g.readings[series]
		r.ObservedAt = generatorStart + int64(g.second)*1000
		// No two series have the same phase of the wave or the same noise within
		// a day.
		wave := g.wave[(g.second+series*37)%len(g.wave)]
		noise := g.noise[(g.second*31+series*2477+g.second>>16*7919)%len(g.noise)]
		r.Value = float64(wave+noise) / 1000
		batch[i] = *r
		if g.next++; g.next == len(g.readings) {
			g.next = 0
			g.second++
		}
	}
}

package api

import (
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
)

// aggregate is one figure of a bucket.
type aggregate struct {
	name string
	key  string // as JSON has it before the value
	of   func(b *factory.Bucket) float64
	// counters: it is of counters only.
	counters bool
}

var allAggregates = []aggregate{
	figure("min", func(b *factory.Bucket) float64 { return b.Min }),
	figure("max", func(b *factory.Bucket) float64 { return b.Max }),
	figure("avg", func(b *factory.Bucket) float64 { return b.Mean() }),
	figure("count", func(b *factory.Bucket) float64 { return float64(b.Count) }),
	figure("sum", func(b *factory.Bucket) float64 { return b.Sum }),
	figure("first", func(b *factory.Bucket) float64 { return b.First.Value }),
	figure("last", func(b *factory.Bucket) float64 { return b.Last.Value }),
	ofCounters(figure("increase", func(b *factory.Bucket) float64 { return b.Increase })),
}

func figure(name string, of func(*factory.Bucket) float64) aggregate {
	return aggregate{name: name, key: `"` + name + `":`, of: of}
}

func ofCounters(g aggregate) aggregate {
	g.counters = true
	return g
}

// usualAggregates is how many of all there are when none are named.
const usualAggregates = 5

// aggregatesOf reads a list of names with commas.
func aggregatesOf(list string) ([]aggregate, error) {
	if list == "" {
		return allAggregates[:usualAggregates], nil
	}
	var chosen []aggregate
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(allAggregates, func(g aggregate) bool { return g.name == name })
		switch {
		case i < 0:
			return nil, badParameter("agg", clip(name)+" is none of min, max, avg, count, sum, first, last, increase")
		case slices.ContainsFunc(chosen, func(g aggregate) bool { return g.name == name }):
			return nil, badParameter("agg", name+" stands there twice")
		}
		chosen = append(chosen, allAggregates[i])
	}
	return chosen, nil
}

// jsonNull stands in JSON for a figure that there is not.
const jsonNull = "null"

// append writes the figure, or none where it is beyond a double or not one of
// this kind of metric.
func (g *aggregate) append(dst []byte, b *factory.Bucket, kind factory.MetricKind, none string) []byte {
	v := g.of(b)
	if g.counters && kind != factory.Counter || factory.ValidateValue(v) != nil {
		return append(dst, none...)
	}
	return appendFloat(dst, v)
}

package api

import (
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/jsonscan"
)

// aggregate is one figure of a bucket.
type aggregate struct {
	name  string
	key   string // as JSON has it before the value
	value func(b *factory.Bucket) float64
	// counterOnly: it is of counters only.
	counterOnly bool
}

var allAggregates = []aggregate{
	newAggregate("min", func(b *factory.Bucket) float64 { return b.Min }),
	newAggregate("max", func(b *factory.Bucket) float64 { return b.Max }),
	newAggregate("avg", func(b *factory.Bucket) float64 { return b.Mean() }),
	newAggregate("count", func(b *factory.Bucket) float64 { return float64(b.Count) }),
	newAggregate("sum", func(b *factory.Bucket) float64 { return b.Sum }),
	newAggregate("first", func(b *factory.Bucket) float64 { return b.First.Value }),
	newAggregate("last", func(b *factory.Bucket) float64 { return b.Last.Value }),
	ofCounters(newAggregate("increase", func(b *factory.Bucket) float64 { return b.Increase })),
}

func newAggregate(name string, of func(*factory.Bucket) float64) aggregate {
	return aggregate{name: name, key: `"` + name + `":`, value: of}
}

func ofCounters(g aggregate) aggregate {
	g.counterOnly = true
	return g
}

// defaultAggregates is how many of all there are when none are named.
const defaultAggregates = 5

// parseAggregates reads a list of names with commas.
func parseAggregates(list string) ([]aggregate, error) {
	if list == "" {
		return allAggregates[:defaultAggregates], nil
	}
	var chosen []aggregate
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(allAggregates, func(g aggregate) bool { return g.name == name })
		switch {
		case i < 0:
			return nil, invalidParam("agg", jsonscan.Excerpt(name)+" is none of min, max, avg, count, sum, first, last, increase")
		case slices.ContainsFunc(chosen, func(g aggregate) bool { return g.name == name }):
			return nil, invalidParam("agg", name+" stands there twice")
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
	v := g.value(b)
	if g.counterOnly && kind != factory.Counter || factory.ValidateValue(v) != nil {
		return append(dst, none...)
	}
	return appendFloat(dst, v)
}

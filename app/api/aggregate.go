package api

import (
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonscan"
)

// aggregate is a value that is computed for each bucket.
type aggregate struct {
	name  string
	key   string // as JSON has it before the value
	value func(b *factory.Bucket) float64
	// counterOnly says that it is undefined for gauges.
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
	counterOnly(newAggregate("increase", func(b *factory.Bucket) float64 { return b.Increase })),
}

func newAggregate(name string, of func(*factory.Bucket) float64) aggregate {
	return aggregate{name: name, key: `"` + name + `":`, value: of}
}

func counterOnly(g aggregate) aggregate {
	g.counterOnly = true
	return g
}

// defaultAggregates is how many of allAggregates, from the first, are the default.
const defaultAggregates = 5

// parseAggregates parses a list of names separated by commas.
func parseAggregates(list string) ([]aggregate, error) {
	if list == "" {
		return allAggregates[:defaultAggregates], nil
	}
	var chosen []aggregate
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(allAggregates, func(g aggregate) bool { return g.name == name })
		switch {
		case i < 0:
			return nil, invalidParam("agg", jsonscan.Excerpt(name)+" is not one of min, max, avg, count, sum, first, last, increase")
		case slices.ContainsFunc(chosen, func(g aggregate) bool { return g.name == name }):
			return nil, invalidParam("agg", name+" "+ingest.Repeated)
		}
		chosen = append(chosen, allAggregates[i])
	}
	return chosen, nil
}

// jsonNull is the JSON value of an undefined aggregate.
const jsonNull = "null"

// append appends the value for b, or none if it is not finite or not defined for
// the kind of metric.
func (g *aggregate) append(dst []byte, b *factory.Bucket, kind factory.MetricKind, none string) []byte {
	v := g.value(b)
	if g.counterOnly && kind != factory.Counter || factory.ValidateValue(v) != nil {
		return append(dst, none...)
	}
	return appendFloat(dst, v)
}

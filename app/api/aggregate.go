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
	value func(b *factory.Bucket) float64
	// counterOnly says that it is undefined for gauges.
	counterOnly bool
}

var allAggregates = []aggregate{
	{name: "min", value: func(b *factory.Bucket) float64 { return b.Min }},
	{name: "max", value: func(b *factory.Bucket) float64 { return b.Max }},
	{name: "avg", value: func(b *factory.Bucket) float64 { return b.Mean() }},
	{name: "count", value: func(b *factory.Bucket) float64 { return float64(b.Count) }},
	{name: "sum", value: func(b *factory.Bucket) float64 { return b.Sum }},
	{name: "first", value: func(b *factory.Bucket) float64 { return b.First.Value }},
	{name: "last", value: func(b *factory.Bucket) float64 { return b.Last.Value }},
	{name: "increase", value: func(b *factory.Bucket) float64 { return b.Increase }, counterOnly: true},
}

func aggregateNames() (names []string) {
	for _, g := range allAggregates {
		names = append(names, g.name)
	}
	return names
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
			return nil, invalidParam("agg", jsonscan.Excerpt(name)+" is not one of "+strings.Join(aggregateNames(), ", "))
		case slices.ContainsFunc(chosen, func(g aggregate) bool { return g.name == name }):
			return nil, invalidParam("agg", name+" "+ingest.Repeated)
		}
		chosen = append(chosen, allAggregates[i])
	}
	return chosen, nil
}

// appendMember appends the value for b as a member of a JSON object.
func (g *aggregate) appendMember(dst []byte, b *factory.Bucket, kind factory.MetricKind) []byte {
	dst = append(append(append(dst, '"'), g.name...), `":`...)
	return g.append(dst, b, kind, "null")
}

// append appends the value for b, or none if it is not finite or not defined for
// the kind of metric.
func (g *aggregate) append(dst []byte, b *factory.Bucket, kind factory.MetricKind, none string) []byte {
	v := g.value(b)
	if g.counterOnly && kind != factory.Counter || factory.ValidateValue(v) != nil {
		return append(dst, none...)
	}
	return appendFloat(dst, v)
}

package api

import (
	"testing"

	"smart-factory-backend/app/factory"
)

// BenchmarkAppendPage encodes the largest page of raw points, with values of
// different lengths.
func BenchmarkAppendPage(b *testing.B) {
	for name, value := range map[string]func(i int) float64{
		"two decimals": func(i int) float64 { return float64(2000+i%700) / 100 },
		"whole":        func(i int) float64 { return float64(i) },
		"all digits":   func(i int) float64 { return float64(i) * 0.0123456789123 },
	} {
		points := make([]factory.Point, maxHistoryPoints)
		for i := range points {
			points[i] = factory.Point{ObservedAt: 1_700_000_000_000 + int64(i)*1000, Value: value(i)}
		}
		page := historyPage{points: []factory.Series{{Metric: "temperature", Unit: "Cel", Points: points}}}
		o := historyObject{r: &historyRequest{machine: "press-4"}}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.text, o.series = o.text[:0], 0
				_ = o.writePage(&page)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/maxHistoryPoints, "ns/point")
		})
	}
}

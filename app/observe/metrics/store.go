package metrics

import (
	"bytes"
	"strings"

	"smart-factory-backend/app/factory"
)

const storePrefix = "smartfactory_store_"

// storeFamilies are the metrics of a store, sorted by name.
var storeFamilies = []struct {
	name, kind string
	value      func(factory.StoreStats) float64
}{
	{"commit_seconds_total", kindCounter, func(s factory.StoreStats) float64 { return s.CommitSeconds }},
	{"commits_total", kindCounter, func(s factory.StoreStats) float64 { return float64(s.Commits) }},
	{"evicted_points_total", kindCounter, func(s factory.StoreStats) float64 { return float64(s.EvictedPoints) }},
	{"expired_points_total", kindCounter, func(s factory.StoreStats) float64 { return float64(s.ExpiredPoints) }},
	{"machines", kindGauge, func(s factory.StoreStats) float64 { return float64(s.Machines) }},
	{"points_total", kindCounter, func(s factory.StoreStats) float64 { return float64(s.Points) }},
	{"quarantined_chunks", kindGauge, func(s factory.StoreStats) float64 { return float64(s.QuarantinedChunks) }},
	{"queue_capacity", kindGauge, func(s factory.StoreStats) float64 { return float64(s.QueueCapacity) }},
	{"queue_readings", kindGauge, func(s factory.StoreStats) float64 { return float64(s.QueuedReadings) }},
	{"series", kindGauge, func(s factory.StoreStats) float64 { return float64(s.Series) }},
	{"size_bytes", kindGauge, func(s factory.StoreStats) float64 { return float64(s.Bytes) }},
	{"size_limit_bytes", kindGauge, func(s factory.StoreStats) float64 { return float64(s.MaxBytes) }},
}

// Store adds the metrics of the store, labelled with its engine. f is called once
// per scrape, possibly concurrently; nothing is written while its Engine is "". A
// second call panics.
func (s *Set) Store(f func() factory.StoreStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store != nil {
		panic("metrics: the store is added twice")
	}
	s.store = f
}

// writeStore writes the families of a store from one set of statistics.
func writeStore(b *bytes.Buffer, stats factory.StoreStats) {
	if stats.Engine == "" {
		return
	}
	labels := formatLabels([]string{"engine", stats.Engine})
	for _, f := range storeFamilies {
		writeHead(b, storePrefix+f.name, f.kind)
		writeSample(b, storePrefix+f.name, labels, f.value(stats))
	}
}

// isStoreFamily reports whether a name is reserved for Store.
func isStoreFamily(name string) bool {
	short, ours := strings.CutPrefix(name, storePrefix)
	if !ours {
		return false
	}
	for _, f := range storeFamilies {
		if f.name == short {
			return true
		}
	}
	return false
}

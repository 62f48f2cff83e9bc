package metrics

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"

	"smart-factory-backend/app/factory"

	vm "github.com/VictoriaMetrics/metrics"
)

// Set is an independent collection of instruments.
type Set struct {
	mu       sync.Mutex
	families map[string]*family
	store    func() factory.StoreStats // nil until Store
}

// New returns a set that contains smartfactory_gomaxprocs only.
func New() *Set {
	// This switch is process-wide. Without it the runtime's metrics lack their
	// TYPE lines.
	vm.ExposeMetadata(true)
	s := &Set{families: make(map[string]*family)}
	s.Gauge("smartfactory_gomaxprocs", func() float64 { return float64(runtime.GOMAXPROCS(0)) })
	return s
}

// Counter returns the counter with the given name and labels, which are key and
// value pairs. The same name and labels return the same counter.
func (s *Set) Counter(name string, labels ...string) *Counter {
	return getOrAdd(s, name, kindCounter, labels, func() *Counter { return &Counter{} })
}

// Gauge adds a gauge whose value f returns at every scrape. f is called
// concurrently, and must be cheap and must not block. Adding a series twice
// panics.
func (s *Set) Gauge(name string, f func() float64, labels ...string) {
	s.add(name, kindGauge, labels, valueFunc(f))
}

// CounterFunc is like Gauge for a counter that is kept elsewhere. The value of f
// must never decrease.
func (s *Set) CounterFunc(name string, f func() float64, labels ...string) {
	s.add(name, kindCounter, labels, valueFunc(f))
}

// BuildInfo adds smartfactory_build_info, whose labels identify the build.
func (s *Set) BuildInfo(version, commit string) {
	s.Gauge("smartfactory_build_info", func() float64 { return 1 },
		"version", version, "commit", commit, "go", runtime.Version())
}

// WritePrometheus writes the instruments of the set, then the metrics of the Go
// runtime and of the process. No lock is held while writing to w; write errors
// are ignored.
func (s *Set) WritePrometheus(w io.Writer) {
	var b bytes.Buffer
	families, store := s.sorted()
	for _, f := range families {
		f.write(&b)
	}
	if store != nil {
		writeStore(&b, store())
	}
	vm.WriteGoMetrics(&b)
	vm.WriteProcMetrics(&b)
	vm.WriteFDMetrics(&b)
	_, _ = w.Write(b.Bytes())
}

// sorted returns copies of the families and the store callback, so that callbacks
// run without the lock.
func (s *Set) sorted() ([]family, func() factory.StoreStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]family, 0, len(s.families))
	for _, name := range slices.Sorted(maps.Keys(s.families)) {
		f := *s.families[name]
		f.series = slices.Clone(f.series)
		all = append(all, f)
	}
	return all, s.store
}

// getOrAdd returns the instrument of a series and creates it at the first call.
func getOrAdd[T sampler](s *Set, name, kind string, pairs []string, build func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, labels := s.familyLocked(name, kind), formatLabels(pairs)
	if present := f.find(labels); present != nil {
		made, ok := present.(T)
		if !ok {
			panic(fmt.Sprintf("metrics: %s%s is already read from a function", name, labels))
		}
		return made
	}
	made := build()
	f.insert(labels, made)
	return made
}

// add inserts a series into its family.
func (s *Set) add(name, kind string, pairs []string, from sampler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, labels := s.familyLocked(name, kind), formatLabels(pairs)
	if f.find(labels) != nil {
		panic(fmt.Sprintf("metrics: %s%s is added twice", name, labels))
	}
	f.insert(labels, from)
}

func (s *Set) familyLocked(name, kind string) *family {
	f := s.families[name]
	if f == nil {
		if !validName.MatchString(name) || isStoreFamily(name) {
			panic(fmt.Sprintf("metrics: %q is not a valid metric name or is reserved for Store", name))
		}
		f = &family{name: name, kind: kind}
		s.families[name] = f
	}
	if f.kind != kind {
		panic(fmt.Sprintf("metrics: %s is a %s, not a %s", name, f.kind, kind))
	}
	return f
}

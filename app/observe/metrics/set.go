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

// Set holds the instruments of one process object; sets know nothing of each
// other.
type Set struct {
	mu       sync.Mutex
	families map[string]*family
	store    func() factory.StoreStats // nil until Store
}

// New returns a set with smartfactory_gomaxprocs in it.
func New() *Set {
	// Process-wide, but only ever on: without it the runtime's metrics come
	// without their types.
	vm.ExposeMetadata(true)
	s := &Set{families: make(map[string]*family)}
	s.Gauge("smartfactory_gomaxprocs", func() float64 { return float64(runtime.GOMAXPROCS(0)) })
	return s
}

// Counter returns the counter of that name and those labels, given as key and
// value in turn. The same name and labels give the same counter.
func (s *Set) Counter(name string, labels ...string) *Counter {
	return instrument(s, name, kindCounter, labels, func() *Counter { return &Counter{} })
}

// Gauge adds a value that f reads at every scrape. f may be called concurrently,
// and must neither block nor be expensive. One series is added once only.
func (s *Set) Gauge(name string, f func() float64, labels ...string) {
	s.add(name, kindGauge, labels, valueFunc(f))
}

// CounterFunc is Gauge for a count that is kept elsewhere: f never goes down.
func (s *Set) CounterFunc(name string, f func() float64, labels ...string) {
	s.add(name, kindCounter, labels, valueFunc(f))
}

// BuildInfo adds smartfactory_build_info, whose labels say what runs.
func (s *Set) BuildInfo(version, commit string) {
	s.Gauge("smartfactory_build_info", func() float64 { return 1 },
		"version", version, "commit", commit, "go", runtime.Version())
}

// WritePrometheus writes all that is in the set, then the metrics of the Go
// runtime and of the process. A slow w holds up nobody else; its errors are its
// owner's business.
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

// sorted returns copies of the families, and the store: their callbacks run
// without the lock.
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

// instrument returns the instrument of a series, made at the first call.
func instrument[T sampler](s *Set, name, kind string, pairs []string, build func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, labels := s.familyLocked(name, kind), formatLabels(pairs)
	if present := f.find(labels); present != nil {
		made, ok := present.(T)
		if !ok {
			panic(fmt.Sprintf("metrics: %s%s is read from a function already", name, labels))
		}
		return made
	}
	made := build()
	f.insert(labels, made)
	return made
}

// add puts a series into its family.
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
			panic(fmt.Sprintf("metrics: %q is no name of a metric, or Store's", name))
		}
		f = &family{name: name, kind: kind}
		s.families[name] = f
	}
	if f.kind != kind {
		panic(fmt.Sprintf("metrics: %s is a %s, not a %s", name, f.kind, kind))
	}
	return f
}

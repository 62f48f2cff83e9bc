package storetest

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smart-factory-backend/app/factory"
)

// tb is what the types T of the packages testing and rapid have in common.
type tb interface {
	rapid.TB
	Cleanup(f func())
}

// fixture is a store under test.
type fixture struct {
	factory.Store
	t    tb
	open func(Limits) factory.Store // opens it again
}

// newFixture opens an empty store that registers unknown series.
func newFixture(t *testing.T, open Opener) *fixture {
	t.Helper()
	return openFixture(t, t, open, Limits{AutoRegister: true})
}

// openFixture opens an empty store. Its checks report failures to r, which is t
// or belongs to it.
func openFixture(t *testing.T, r tb, open Opener, limits Limits) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{t: r, open: func(limits Limits) factory.Store { return open(t, dir, limits) }}
	f.Store = f.open(limits)
	r.Cleanup(func() {
		if err := f.Close(); err != nil {
			r.Errorf("Close() = %v", err)
		}
	})
	return f
}

// reopen closes the store and opens it with other limits.
func (f *fixture) reopen(limits Limits) {
	f.t.Helper()
	if err := f.Close(); err != nil {
		f.t.Fatalf("Close() = %v", err)
	}
	f.Store = f.open(limits)
}

// inAllStates runs check immediately, after the background work of the store,
// and after it was reopened with the limits.
func (f *fixture) inAllStates(limits Limits, check func()) {
	f.t.Helper()
	for _, enter := range []func(){func() {}, f.settle, func() { f.reopen(limits) }} {
		enter()
		check()
	}
}

// settle waits for the background work of the store.
func (f *fixture) settle() {
	f.t.Helper()
	if s, ok := f.Store.(Settler); ok {
		if err := s.Settle(); err != nil {
			f.t.Fatalf("Settle() = %v", err)
		}
	}
}

// append stores readings and requires that all of them are accepted.
func (f *fixture) append(readings ...factory.Reading) {
	f.t.Helper()
	result, err := f.Append(context.Background(), readings)
	if err != nil || result.Accepted != len(readings) || len(result.Rejected) != 0 {
		f.t.Fatalf("Append(%d readings) = %+v, %v, want all accepted", len(readings), result, err)
	}
}

// history returns all points of a machine, by metric. They must fit into one
// page.
func (f *fixture) history(machine string, metrics ...string) []factory.Series {
	f.t.Helper()
	page, err := f.History(context.Background(), fullHistory(machine, metrics...))
	if err != nil || page.NextCursor != "" {
		f.t.Fatalf("History(%q) = cursor %q, %v, want all in one page", machine, page.NextCursor, err)
	}
	return page.Series
}

// latest returns the latest readings that match. They must fit into one page.
func (f *fixture) latest(machine, metric string) []factory.Reading {
	f.t.Helper()
	page, err := f.Latest(context.Background(), factory.LatestQuery{Machine: machine, Metric: metric, Limit: 1 << 20})
	if err != nil || page.NextCursor != "" {
		f.t.Fatalf("Latest(%q, %q) = cursor %q, %v, want all in one page", machine, metric, page.NextCursor, err)
	}
	var readings []factory.Reading
	for _, r := range page.Readings {
		readings = append(readings, r.Reading)
	}
	return readings
}

// wantHistory fails the test unless want is the complete history of the
// machine.
func (f *fixture) wantHistory(machine string, want ...factory.Series) {
	f.t.Helper()
	if got := f.history(machine); !sameSeries(got, want) {
		f.t.Errorf("History(%q):\ngot  %v\nwant %v", machine, got, want)
	}
}

// wantLatest fails the test unless want are the latest readings of all series.
func (f *fixture) wantLatest(want ...factory.Reading) {
	f.t.Helper()
	if got := f.latest("", ""); !slices.EqualFunc(got, want, sameReading) {
		f.t.Errorf("Latest():\ngot  %v\nwant %v", got, want)
	}
}

// fullHistory is a query for all points of a machine.
func fullHistory(machine string, metrics ...string) factory.HistoryQuery {
	return factory.HistoryQuery{Machine: machine, Metrics: metrics, From: math.MinInt64, To: math.MaxInt64, Limit: 1 << 20}
}

// reading returns a reading of machine "m".
func reading(metric string, at int64, value float64) factory.Reading {
	return factory.Reading{Machine: "m", Metric: metric, ObservedAt: at, Value: value}
}

// series returns the history of one metric from pairs of time and value.
func series(metric string, pairs ...float64) factory.Series {
	s := factory.Series{Metric: metric}
	for i := 0; i < len(pairs); i += 2 {
		s.Points = append(s.Points, factory.Point{ObservedAt: int64(pairs[i]), Value: pairs[i+1]})
	}
	return s
}

func samePoint(a, b factory.Point) bool {
	return a.ObservedAt == b.ObservedAt && math.Float64bits(a.Value) == math.Float64bits(b.Value)
}

func sameReading(a, b factory.Reading) bool {
	return a.Machine == b.Machine && a.Metric == b.Metric &&
		samePoint(factory.Point{ObservedAt: a.ObservedAt, Value: a.Value}, factory.Point{ObservedAt: b.ObservedAt, Value: b.Value})
}

func sameSeries(a, b []factory.Series) bool {
	return slices.EqualFunc(a, b, func(a, b factory.Series) bool {
		return a.Metric == b.Metric && slices.EqualFunc(a.Points, b.Points, samePoint)
	})
}

// checkInAllStates runs check on a store that prepare has filled, in all states.
func checkInAllStates(t *testing.T, open Opener, prepare, check func(*fixture)) {
	t.Helper()
	f := newFixture(t, open)
	prepare(f)
	state := 0
	f.inAllStates(Limits{AutoRegister: true}, func() {
		check(f)
		if t.Failed() {
			t.Fatalf("the check of the store failed %s", []string{"immediately", "after its background work", "after reopening"}[state])
		}
		state++
	})
}

// readPages calls read for each page of a query, until there is no next one.
func (f *fixture) readPages(read func(cursor string) (next string)) {
	f.t.Helper()
	cursor := ""
	for range 10_000 {
		if cursor = read(cursor); cursor == "" {
			return
		}
	}
	f.t.Fatalf("more than 10 000 pages")
}

// clock is a clock that tests set.
type clock struct{ at atomic.Int64 }

func newClock(at int64) *clock {
	c := new(clock)
	c.at.Store(at)
	return c
}

func (c *clock) now() time.Time { return time.UnixMilli(c.at.Load()) }

package storetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

// testRandomHistory performs random operations on the store and on the model
// and compares the results.
func testRandomHistory(t *testing.T, open Opener) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := newClock(1_000) // so that a retention of a second ends among the times drawn
		limits := Limits{AutoRegister: true, MaxSeries: 6, Now: clock.now}
		m := &modelTest{
			t: t, open: open, dir: t.TempDir(), limits: limits, clock: clock,
			store: nil, model: memory.New(memory.Options(limits)),
		}
		m.store = open(t, m.dir, limits)
		defer func() {
			if err := m.store.Close(); err != nil {
				rt.Errorf("Close() = %v", err)
			}
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"append":     m.append,
			"history":    m.history,
			"buckets":    m.buckets,
			"downsample": m.downsample,
			"latest":     m.latest,
			"machine":    m.machine,
			"metric":     m.metric,
			"wait":       func(rt *rapid.T) { clock.at.Add(rapid.Int64Range(0, 9).Draw(rt, "time")) },
			"settle":     m.settle,
			"reopen":     m.reopen,
		})
		m.latest(rt)
		m.compareAll(rt)
	})
}

// modelTest is a store under test and its model.
type modelTest struct {
	t      testing.TB
	open   Opener
	dir    string
	limits Limits
	clock  *clock
	store  factory.Store
	model  *memory.Store
}

var (
	drawName  = rapid.SampledFrom([]string{"a", "b", "é/1", "z"})
	drawTime  = rapid.OneOf(rapid.Int64Range(0, 40), rapid.Int64Range(0, 40), rapid.Int64Range(-1_000_000_000_000, 4_000_000_000_000))
	drawValue = rapid.OneOf(rapid.Float64Range(-100, 100), rapid.Float64(), rapid.SampledFrom([]float64{0, negativeZero(), notANumber(), infinity(1), math.MaxFloat64}))
	drawBatch = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) factory.Reading {
		return factory.Reading{
			Machine: drawName.Draw(rt, "machine"), Metric: drawName.Draw(rt, "metric"),
			ObservedAt: drawTime.Draw(rt, "at"), Value: drawValue.Draw(rt, "value"),
		}
	}), 1, 20)
)

func (m *modelTest) append(rt *rapid.T) {
	batch := drawBatch.Draw(rt, "batch")
	got, err := m.store.Append(context.Background(), batch)
	want, wantErr := m.model.Append(context.Background(), batch)
	same := slices.EqualFunc(got.Rejected, want.Rejected, func(a, b factory.Rejection) bool {
		return a.Index == b.Index && errors.Is(a.Err, factory.ErrInvalid) == errors.Is(b.Err, factory.ErrInvalid)
	})
	if err != nil || wantErr != nil || got.Accepted != want.Accepted || !same {
		rt.Fatalf("Append = %+v, %v, want %+v", got, err, want)
	}
}

func (m *modelTest) history(rt *rapid.T) {
	q := factory.HistoryQuery{
		Machine: drawName.Draw(rt, "machine"),
		From:    drawTime.Draw(rt, "from"),
		To:      drawTime.Draw(rt, "to"),
		Limit:   rapid.IntRange(1, 30).Draw(rt, "limit"),
	}
	if rapid.Bool().Draw(rt, "some") {
		q.Metrics = rapid.SliceOfN(drawName, 1, 3).Draw(rt, "metrics")
	}
	m.compareHistory(rt, q)
}

// compareAll compares the complete history of every machine.
func (m *modelTest) compareAll(rt *rapid.T) {
	for _, machine := range []string{"a", "b", "é/1", "z"} {
		m.compareHistory(rt, fullHistory(machine))
	}
}

// compareHistory compares all pages of a query.
func (m *modelTest) compareHistory(rt *rapid.T, q factory.HistoryQuery) {
	wantQuery := q
	for {
		got, err := m.store.History(context.Background(), q)
		want, wantErr := m.model.History(context.Background(), wantQuery)
		if wantErr != nil || err != nil {
			if !errors.Is(err, factory.ErrNotFound) || !errors.Is(wantErr, factory.ErrNotFound) {
				rt.Fatalf("History(%+v) = %v, want %v", q, err, wantErr)
			}
			return
		}
		if !sameSeries(got.Series, want.Series) || (got.NextCursor == "") != (want.NextCursor == "") {
			rt.Fatalf("History(%+v):\ngot  %v, cursor %q\nwant %v, cursor %q", q, got.Series, got.NextCursor, want.Series, want.NextCursor)
		}
		if got.NextCursor == "" {
			return
		}
		q.Cursor, wantQuery.Cursor = got.NextCursor, want.NextCursor
	}
}

func (m *modelTest) latest(rt *rapid.T) {
	q := factory.LatestQuery{Limit: 100}
	if rapid.Bool().Draw(rt, "one") {
		q.Machine = drawName.Draw(rt, "machine")
	}
	got, err := m.store.Latest(context.Background(), q)
	want, wantErr := m.model.Latest(context.Background(), q)
	same := slices.EqualFunc(got.Readings, want.Readings, func(a, b factory.LatestReading) bool { return sameReading(a.Reading, b.Reading) })
	if err != nil || wantErr != nil || !same {
		rt.Fatalf("Latest(%+v):\ngot  %v, %v\nwant %v", q, got.Readings, err, want.Readings)
	}
}

func (m *modelTest) settle(rt *rapid.T) {
	if s, ok := m.store.(Settler); ok {
		if err := s.Settle(); err != nil {
			rt.Fatalf("Settle() = %v", err)
		}
	}
}

func (m *modelTest) reopen(rt *rapid.T) {
	if err := m.store.Close(); err != nil {
		rt.Fatalf("Close() = %v", err)
	}
	m.store = m.open(m.t, m.dir, m.limits)
	m.model = m.model.Reopen(memory.Options(m.limits))
}

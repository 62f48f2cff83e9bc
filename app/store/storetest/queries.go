package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
)

// testLatest: the latest reading is the one observed last, not the one
// received last.
func testLatest(t *testing.T, open Opener) {
	checkInAllStates(t, open,
		func(f *fixture) {
			f.append(reading("a", 100, 1), reading("b", 50, 1))
			f.append(reading("a", 99, 2))
			f.settle()
			f.append(reading("a", 1, 3), reading("b", 51, 2), reading("b", 49, 3))
			f.append(factory.Reading{Machine: "k", Metric: "a", ObservedAt: 7, Value: 7})
		},
		func(f *fixture) {
			k := factory.Reading{Machine: "k", Metric: "a", ObservedAt: 7, Value: 7}
			f.wantLatest(k, reading("a", 100, 1), reading("b", 51, 2))
			for _, tt := range []struct {
				machine, metric string
				want            []factory.Reading
			}{
				{"m", "", []factory.Reading{reading("a", 100, 1), reading("b", 51, 2)}},
				{"", "a", []factory.Reading{k, reading("a", 100, 1)}},
				{"m", "b", []factory.Reading{reading("b", 51, 2)}},
				{"nobody", "", nil},
				{"m", "nothing", nil},
			} {
				if got := f.latest(tt.machine, tt.metric); !slices.EqualFunc(got, tt.want, sameReading) {
					f.t.Errorf("Latest(%q, %q) = %v, want %v", tt.machine, tt.metric, got, tt.want)
				}
			}
		})
}

// testHistoryOrder: metrics come in byte order and points in the order of
// time, whatever the order of arrival.
func testHistoryOrder(t *testing.T, open Opener) {
	checkInAllStates(t, open,
		func(f *fixture) {
			f.append(reading("b", 3, 3), reading("é", 1, 1), reading("B", 2, 2), reading("b", 1, 1))
			f.append(factory.Reading{Machine: "mm", Metric: "b", ObservedAt: 9, Value: 9})
			f.append(reading("a b", 1, 1), reading("a", 1, 1), reading("a-", 1, 1), reading("b", 2, 2))
		},
		func(f *fixture) {
			f.wantHistory("m", series("B", 2, 2), series("a", 1, 1), series("a b", 1, 1), series("a-", 1, 1),
				series("b", 1, 1, 2, 2, 3, 3), series("é", 1, 1))
			want := []factory.Series{series("a", 1, 1), series("b", 1, 1, 2, 2, 3, 3)}
			if got := f.history("m", "b", "a", "nothing", "b"); !sameSeries(got, want) {
				f.t.Errorf("History(b, a, nothing, b) = %v, want %v", got, want)
			}
			if got := f.history("m", "nothing"); len(got) != 0 {
				f.t.Errorf("History(nothing) = %v, want no series", got)
			}
		})
}

// testHistoryRange: From is inclusive and To is exclusive.
func testHistoryRange(t *testing.T, open Opener) {
	checkInAllStates(t, open,
		func(f *fixture) {
			for at := int64(10); at < 50; at += 10 {
				f.append(reading("a", at, float64(at)))
				if at == 20 {
					f.settle()
				}
			}
		},
		func(f *fixture) {
			for _, tt := range []struct {
				from, to int64
				want     string
			}{
				{10, 41, "[10 20 30 40]"},
				{10, 40, "[10 20 30]"},
				{11, 40, "[20 30]"},
				{20, 21, "[20]"},
				{20, 20, "[]"},
				{21, 30, "[]"},
				{30, 10, "[]"},
				{41, math.MaxInt64, "[]"},
				{math.MinInt64, 10, "[]"},
				{math.MinInt64, math.MaxInt64, "[10 20 30 40]"},
			} {
				q := fullHistory("m")
				q.From, q.To = tt.from, tt.to
				page, err := f.History(context.Background(), q)
				var got []int64
				for _, s := range page.Series {
					for _, p := range s.Points {
						got = append(got, p.ObservedAt)
					}
				}
				if err != nil || fmt.Sprint(got) != tt.want || page.NextCursor != "" {
					f.t.Errorf("History(from %d to %d) = %v, cursor %q, %v, want %v", tt.from, tt.to, got, page.NextCursor, err, tt.want)
				}
			}
		})
}

// testBadQueries: unknown machines and invalid queries return errors of the
// right kind.
func testBadQueries(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.append(reading("a", 1, 1), reading("b", 1, 1), factory.Reading{Machine: "other", Metric: "a", ObservedAt: 1})
	ctx := context.Background()
	history := func(machine, cursor string, limit int) error {
		_, err := f.History(ctx, factory.HistoryQuery{Machine: machine, To: math.MaxInt64, Cursor: cursor, Limit: limit})
		return err
	}
	latest := func(cursor string, limit int) error {
		_, err := f.Latest(ctx, factory.LatestQuery{Cursor: cursor, Limit: limit})
		return err
	}
	page, err := f.History(ctx, factory.HistoryQuery{Machine: "m", To: math.MaxInt64, Limit: 1})
	if err != nil || page.NextCursor == "" {
		t.Fatalf("History(limit 1) = %+v, %v, want a cursor", page, err)
	}
	latestPage, err := f.Latest(ctx, factory.LatestQuery{Limit: 1})
	if err != nil || latestPage.NextCursor == "" {
		t.Fatalf("Latest(limit 1) = %+v, %v, want a cursor", latestPage, err)
	}
	for name, tt := range map[string]struct{ got, want error }{
		"unknown machine":                  {history("nobody", "", 1), factory.ErrNotFound},
		"no machine":                       {history("", "", 1), factory.ErrNotFound},
		"history limit zero":               {history("m", "", 0), factory.ErrInvalid},
		"history limit negative":           {history("m", "", -1), factory.ErrInvalid},
		"latest limit zero":                {latest("", 0), factory.ErrInvalid},
		"history cursor made up":           {history("m", "next", 1), factory.ErrInvalid},
		"latest cursor made up":            {latest("next", 1), factory.ErrInvalid},
		"history cursor of latest":         {history("m", latestPage.NextCursor, 1), factory.ErrInvalid},
		"latest cursor of history":         {latest(page.NextCursor, 1), factory.ErrInvalid},
		"history cursor of other machine":  {history("other", page.NextCursor, 1), factory.ErrInvalid},
		"history cursor cut short":         {history("m", page.NextCursor[:len(page.NextCursor)-1], 1), factory.ErrInvalid},
		"history cursor with a tail":       {history("m", page.NextCursor+"A", 1), factory.ErrInvalid},
		"latest cursor of control bytes":   {latest("\x00\r\n", 1), factory.ErrInvalid},
		"history cursor with a line break": {history("m", page.NextCursor+"\n", 1), factory.ErrInvalid},
	} {
		if !errors.Is(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
		}
	}
	// A change of any byte invalidates a cursor.
	for i := range page.NextCursor {
		changed := []byte(page.NextCursor)
		changed[i] = 'A' + (changed[i]+1)%26
		if string(changed) == page.NextCursor {
			continue
		}
		if err := history("m", string(changed), 1); !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("History(cursor changed at %d) = %v, want ErrInvalid", i, err)
		}
	}
}

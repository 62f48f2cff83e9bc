package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

// pages reads a history in pages of at most limit points and returns the
// concatenation. It calls between between two pages.
func (f *fixture) pages(q factory.HistoryQuery, limit int, between func()) []factory.Series {
	f.t.Helper()
	var all []factory.Series
	q.Limit = limit
	f.readPages(func(cursor string) string {
		if q.Cursor = cursor; cursor != "" {
			between()
		}
		page, err := f.History(context.Background(), q)
		if err != nil {
			f.t.Fatalf("History(cursor %q) = %v", q.Cursor, err)
		}
		points := 0
		for _, s := range page.Series {
			points += len(s.Points)
			if n := len(all); n > 0 && all[n-1].Metric == s.Metric {
				all[n-1].Points = append(all[n-1].Points, s.Points...)
			} else {
				all = append(all, factory.Series{Metric: s.Metric, Points: slices.Clone(s.Points)})
			}
		}
		if points > limit || page.NextCursor != "" && points != limit {
			f.t.Fatalf("History(limit %d) = %d points, cursor %q, want a full page before the last", limit, points, page.NextCursor)
		}
		return page.NextCursor
	})
	return all
}

// testHistoryPaging: pages of any size add up to the whole history.
func testHistoryPaging(t *testing.T, open Opener) {
	checkInAllStates(t, open,
		func(f *fixture) {
			for at := range int64(9) {
				f.append(reading("a", at, 1), reading("b", at*2, 2), reading("d", at, 4))
				if at == 4 {
					f.settle()
				}
			}
			f.append(reading("c", 5, 3), reading("é/ ü", 5, 3))
		},
		func(f *fixture) {
			some, part := fullHistory("m", "d", "b", "é/ ü"), fullHistory("m", "a", "b")
			part.From, part.To = 3, 7
			for _, tt := range []struct {
				name     string
				q        factory.HistoryQuery
				maxLimit int
				want     []factory.Series
			}{
				{"all", fullHistory("m"), 31, f.history("m")},
				{"some metrics", some, 20, f.history("m", some.Metrics...)},
				{"a range", part, 7, []factory.Series{series("a", 3, 1, 4, 1, 5, 1, 6, 1), series("b", 4, 2, 6, 2)}},
			} {
				for limit := 1; limit <= tt.maxLimit; limit++ {
					if got := f.pages(tt.q, limit, func() {}); !sameSeries(got, tt.want) {
						f.t.Errorf("pages of %d of %s:\ngot  %v\nwant %v", limit, tt.name, got, tt.want)
					}
				}
			}
		})
}

// testHistoryPagingDuringAppends: points that exist before the first page are
// returned exactly once and in order, even if others are appended between
// pages.
func testHistoryPagingDuringAppends(t *testing.T, open Opener) {
	f := newFixture(t, open)
	var batch []factory.Reading
	for at := int64(0); at < 200; at += 2 {
		batch = append(batch, reading("a", at, 1), reading("b", at, 1))
	}
	f.append(batch...)
	next := int64(1)
	got := f.pages(fullHistory("m"), 7, func() {
		// A late point somewhere, one at the end, and a new metric.
		f.append(reading("a", next, 2), reading("b", 199+next, 2), reading(fmt.Sprintf("a-%d", next), 1, 2))
		next += 2
		if next%8 == 1 {
			f.settle()
		}
	})
	for _, s := range got {
		var before []factory.Point
		for i, p := range s.Points {
			if i > 0 && p.ObservedAt <= s.Points[i-1].ObservedAt {
				t.Fatalf("metric %s: time %d after %d", s.Metric, p.ObservedAt, s.Points[i-1].ObservedAt)
			}
			if p.Value == 1 {
				before = append(before, p)
			}
		}
		if (s.Metric == "a" || s.Metric == "b") && len(before) != 100 {
			t.Errorf("metric %s: %d of the 100 points that were there at the start", s.Metric, len(before))
		}
	}
	if !slices.IsSortedFunc(got, func(a, b factory.Series) int { return strings.Compare(a.Metric, b.Metric) }) {
		t.Errorf("metrics are not in order")
	}
}

// testLatestPaging: pages of any size add up to all latest readings.
func testLatestPaging(t *testing.T, open Opener) {
	checkInAllStates(t, open,
		func(f *fixture) {
			for _, machine := range []string{"a", "b", "b c", "é"} {
				for _, metric := range []string{"x", "y", "z/z"} {
					f.append(factory.Reading{Machine: machine, Metric: metric, ObservedAt: 1, Value: 1})
				}
			}
		},
		func(f *fixture) {
			for _, q := range []factory.LatestQuery{{}, {Machine: "b"}, {Metric: "y"}} {
				whole := f.latest(q.Machine, q.Metric)
				for limit := 1; limit <= 13; limit++ {
					if got := f.latestPages(q, limit); !slices.EqualFunc(got, whole, sameReading) {
						f.t.Errorf("Latest(%+v) in pages of %d:\ngot  %v\nwant %v", q, limit, got, whole)
					}
				}
			}
			if got := len(f.latest("", "")); got != 12 {
				f.t.Errorf("Latest() = %d readings, want 12", got)
			}
		})
}

func (f *fixture) latestPages(q factory.LatestQuery, limit int) (all []factory.Reading) {
	f.t.Helper()
	q.Limit = limit
	f.readPages(func(cursor string) string {
		q.Cursor = cursor
		page, err := f.Latest(context.Background(), q)
		if err != nil || len(page.Readings) > limit {
			f.t.Fatalf("Latest(%+v) = %d readings, %v", q, len(page.Readings), err)
		}
		for _, r := range page.Readings {
			all = append(all, r.Reading)
		}
		return page.NextCursor
	})
	return all
}

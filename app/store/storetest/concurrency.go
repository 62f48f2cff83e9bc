package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"smart-factory-backend/app/factory"
)

// testConcurrency: with concurrent writers and readers, a reader sees each
// series grow without gaps and sees its own appends immediately.
func testConcurrency(t *testing.T, open Opener) {
	f := newFixture(t, open)
	const writers = 6
	appends := 120
	if testing.Short() {
		appends = 30
	}
	stop := make(chan struct{})
	var readers, writing sync.WaitGroup
	for c := range writers {
		metric := fmt.Sprint(c)
		writing.Go(func() { writeAndReadBack(t, f, metric, appends) })
		readers.Go(func() { readWhileGrowing(t, f, metric, stop) })
	}
	writing.Wait()
	close(stop)
	readers.Wait()
	f.reopen(Limits{AutoRegister: true})
	for c := range writers {
		got := f.history("m", fmt.Sprint(c))
		if len(got) != 1 || len(got[0].Points) != 2*appends {
			t.Fatalf("writer %d: History = %d series, want one of %d points", c, len(got), 2*appends)
		}
	}
}

// writeAndReadBack appends two points at a time and one to a series that all
// writers share, and reads the last one back.
func writeAndReadBack(t *testing.T, f *fixture, metric string, appends int) {
	ctx := context.Background()
	for i := range int64(appends) {
		at := 2 * i
		result, err := f.Append(ctx, []factory.Reading{
			reading(metric, at, float64(at)), reading("shared", at, float64(at)), reading(metric, at+1, float64(at+1)),
		})
		if err != nil || result.Accepted != 3 {
			t.Errorf("Append = %+v, %v", result, err)
			return
		}
		page, err := f.Latest(ctx, factory.LatestQuery{Machine: "m", Metric: metric, Limit: 1})
		if err != nil || len(page.Readings) != 1 || page.Readings[0].ObservedAt != at+1 {
			t.Errorf("Latest after the append of %d = %+v, %v", at+1, page.Readings, err)
			return
		}
		q := fullHistory("m", metric)
		q.From = at
		history, err := f.History(ctx, q)
		if err != nil || len(history.Series) != 1 || len(history.Series[0].Points) != 2 {
			t.Errorf("History after the append of %d = %+v, %v", at+1, history, err)
			return
		}
	}
}

// readWhileGrowing reads a series whose points are one millisecond apart until
// stop is closed. Each result must be a complete prefix, and never shorter
// than the one before.
func readWhileGrowing(t *testing.T, f *fixture, metric string, stop <-chan struct{}) {
	seen := 0
	for {
		select {
		case <-stop:
			return
		default:
		}
		page, err := f.History(context.Background(), fullHistory("m", metric))
		if err != nil && seen > 0 {
			t.Errorf("History(%s) = %v", metric, err)
			return
		}
		for _, s := range page.Series {
			for i, p := range s.Points {
				if p.ObservedAt != int64(i) || p.Value != float64(i) {
					t.Errorf("History(%s): point %d of %d is %v at %d", metric, i, len(s.Points), p.Value, p.ObservedAt)
					return
				}
			}
			if len(s.Points) < seen {
				t.Errorf("History(%s) = %d points, %d before", metric, len(s.Points), seen)
				return
			}
			seen = len(s.Points)
		}
	}
}

package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"smart-factory-backend/app/factory"
)

// testDurability: accepted readings survive closing and reopening, repeatedly.
func testDurability(t *testing.T, open Opener) {
	f := newFixture(t, open)
	var want []float64
	for round := range 4 {
		for i := range 5 {
			at := int64(round*100 + i)
			f.append(reading("temperature", at, float64(at)/3), reading("pressure", at, float64(-at)))
			want = append(want, float64(at), float64(at)/3)
		}
		if round%2 == 1 {
			f.settle()
		}
		f.reopen(Limits{AutoRegister: true})
		if got := f.history("m", "temperature"); !sameSeries(got, []factory.Series{series("temperature", want...)}) {
			t.Fatalf("round %d: History(temperature) = %v, want %v", round, got, want)
		}
		if got := f.history("m", "pressure"); len(got) != 1 || len(got[0].Points) != len(want)/2 {
			t.Fatalf("round %d: History(pressure) = %v, want %d points", round, got, len(want)/2)
		}
		f.wantLatest(reading("pressure", int64(round*100+4), -float64(round*100+4)),
			reading("temperature", int64(round*100+4), float64(round*100+4)/3))
	}
}

// testLastWriteWins: of several readings with the same time, the last one is
// stored, whether they come in one Append or much later.
func testLastWriteWins(t *testing.T, open Opener) {
	for name, tt := range map[string]struct{ prepare, check func(*fixture) }{
		"within one append": {
			func(f *fixture) {
				f.append(reading("a", 2, 1), reading("a", 1, 5), reading("a", 2, 2), reading("b", 2, 9), reading("a", 2, 3))
			},
			func(f *fixture) {
				f.wantHistory("m", series("a", 1, 5, 2, 3), series("b", 2, 9))
				f.wantLatest(reading("a", 2, 3), reading("b", 2, 9))
			},
		},
		"within one long append in no order": {
			func(f *fixture) {
				var batch []factory.Reading
				for i := range 300 {
					batch = append(batch, reading("a", int64(i*7%10), float64(i)))
				}
				f.append(batch...)
			},
			func(f *fixture) {
				f.wantHistory("m", series("a", 0, 290, 1, 293, 2, 296, 3, 299, 4, 292, 5, 295, 6, 298, 7, 291, 8, 294, 9, 297))
				f.wantLatest(reading("a", 9, 297))
			},
		},
		"between appends": {
			func(f *fixture) {
				f.append(reading("a", 1, 1))
				f.append(reading("a", 1, 2))
				f.append(reading("a", 1, 0))
			},
			func(f *fixture) {
				f.wantHistory("m", series("a", 1, 0))
				f.wantLatest(reading("a", 1, 0))
			},
		},
		"over old points": {
			func(f *fixture) {
				for at := range int64(40) {
					f.append(reading("a", at, float64(at)))
				}
				f.settle()
				f.append(reading("a", 39, -39), reading("a", 7, -7), reading("a", 0, -1000))
				f.settle()
				f.append(reading("a", 7, -8))
			},
			func(f *fixture) {
				var want []float64
				for at := range 40 {
					want = append(want, float64(at), float64(at))
				}
				want[1], want[15], want[79] = -1000, -8, -39
				f.wantHistory("m", series("a", want...))
				f.wantLatest(reading("a", 39, -39))
			},
		},
		"late points between old ones": {
			func(f *fixture) {
				for at := int64(0); at < 100; at += 2 {
					f.append(reading("a", at, float64(at)))
				}
				f.settle()
				for at := int64(99); at > 0; at -= 2 {
					f.append(reading("a", at, float64(at)))
				}
			},
			func(f *fixture) {
				var want []float64
				for at := range 100 {
					want = append(want, float64(at), float64(at))
				}
				f.wantHistory("m", series("a", want...))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkInAllStates(t, open, tt.prepare, tt.check)
		})
	}
}

// testRejectedReadings: readings that cannot be stored are rejected by their
// index, and the others are stored.
func testRejectedReadings(t *testing.T, open Opener) {
	f := newFixture(t, open)
	long := strings.Repeat("x", factory.MaxMetricBytes+1)
	batch := []factory.Reading{
		reading("a", 1, notANumber()),
		reading("a", 1, 1),
		reading("a", 2, infinity(1)),
		{Machine: "", Metric: "a", ObservedAt: 1},
		{Machine: "m", Metric: long, ObservedAt: 1},
		reading("a", 2, 2),
		reading("a", 3, infinity(-1)),
		{Machine: "m\n", Metric: "a", ObservedAt: 1},
	}
	result, err := f.Append(context.Background(), batch)
	if err != nil || result.Accepted != 2 {
		t.Fatalf("Append = %+v, %v, want 2 accepted", result, err)
	}
	wantRejected(t, result, factory.ErrInvalid, 0, 2, 3, 4, 6, 7)
	f.wantHistory("m", series("a", 1, 1, 2, 2))
	if n := f.Stats().Series; n != 1 {
		t.Errorf("Stats().Series = %d, want 1: a refused reading registers nothing", n)
	}

	result, err = f.Append(context.Background(), batch[:1])
	if err != nil || result.Accepted != 0 {
		t.Errorf("Append(only refused) = %+v, %v, want none accepted", result, err)
	}
	wantRejected(t, result, factory.ErrInvalid, 0)
	result, err = f.Append(context.Background(), nil)
	if err != nil || result.Accepted != 0 || len(result.Rejected) != 0 {
		t.Errorf("Append(nothing) = %+v, %v, want nothing", result, err)
	}
}

// testSeriesLimit: beyond MaxSeries, readings of new series are rejected and
// readings of existing series are not, also after reopening with a lower
// limit.
func testSeriesLimit(t *testing.T, open Opener) {
	f := openFixture(t, t, open, Limits{AutoRegister: true, MaxSeries: 3})
	result, err := f.Append(context.Background(), []factory.Reading{
		reading("a", 1, 1), reading("b", 1, 1), reading("c", 1, 1), reading("d", 1, 1), reading("a", 2, 2), reading("e", 1, 1), reading("d", 2, 2),
	})
	if err != nil || result.Accepted != 4 {
		t.Fatalf("Append = %+v, %v, want 4 accepted", result, err)
	}
	wantRejected(t, result, factory.ErrInvalid, 3, 5, 6)
	f.reopen(Limits{AutoRegister: true, MaxSeries: 2})
	f.append(reading("c", 2, 2))
	result, err = f.Append(context.Background(), []factory.Reading{reading("d", 1, 1)})
	if err != nil || result.Accepted != 0 {
		t.Fatalf("Append past the limit = %+v, %v, want none accepted", result, err)
	}
	wantRejected(t, result, factory.ErrInvalid, 0)
	f.wantHistory("m", series("a", 1, 1, 2, 2), series("b", 1, 1), series("c", 1, 1, 2, 2))
	if got := f.Stats().Series; got != 3 {
		t.Errorf("Stats().Series = %d, want 3", got)
	}
}

// testSeriesLimitPerMachine: a machine gets no series past its limit, by readings
// and by PutMetric; another machine does.
func testSeriesLimitPerMachine(t *testing.T, open Opener) {
	f := openFixture(t, t, open, Limits{AutoRegister: true, MaxSeriesPerMachine: 2})
	other := factory.Reading{Machine: "other", Metric: "a", ObservedAt: 1, Value: 1}
	result, err := f.Append(context.Background(), []factory.Reading{
		reading("a", 1, 1), reading("b", 1, 1), reading("c", 1, 1), other, reading("a", 2, 2),
	})
	if err != nil || result.Accepted != 4 {
		t.Fatalf("Append = %+v, %v, want 4 accepted", result, err)
	}
	wantRejected(t, result, factory.ErrInvalid, 2)
	wantLimit(t, result.Rejected[0].Err, "2 series of one machine", "MAX_SERIES_PER_MACHINE")
	_, _, err = f.PutMetric(context.Background(), factory.Metric{Machine: "m", Name: "d", Kind: factory.Gauge}, factory.MatchAlways)
	wantLimit(t, err, "2 series of one machine", "MAX_SERIES_PER_MACHINE")
	result, err = f.Append(context.Background(), []factory.Reading{reading("c", 2, 1)})
	if err != nil || result.Accepted != 0 {
		t.Errorf("Append past the limit = %+v, %v, want none accepted", result, err)
	}
}

// testSeriesLimitPerSender: what one sender registers has a limit, also when its
// requests are concurrent; others still register, and a purge gives room back.
func testSeriesLimitPerSender(t *testing.T, open Opener) {
	f := openFixture(t, t, open, Limits{AutoRegister: true, MaxSeries: 6, MaxSeriesPerSender: 3})
	greedy := factory.WithSender(context.Background(), "greedy")
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			result, err := f.Append(greedy, []factory.Reading{{Machine: fmt.Sprint("g", i), Metric: "a", ObservedAt: 1, Value: 1}})
			if err != nil {
				t.Errorf("Append = %v", err)
			}
			for _, r := range result.Rejected {
				wantLimit(t, r.Err, "3 series registered with one API key", "MAX_SERIES_PER_KEY")
			}
			accepted.Add(int64(result.Accepted))
		})
	}
	wg.Wait()
	if n := accepted.Load(); n != 3 {
		t.Fatalf("%d series of one sender were registered, want 3", n)
	}
	f.append(reading("a", 1, 1))
	if result, err := f.Append(factory.WithSender(context.Background(), "modest"), []factory.Reading{reading("b", 1, 1)}); err != nil || result.Accepted != 1 {
		t.Errorf("Append of another sender = %+v, %v, want 1 accepted", result, err)
	}
	if result, err := f.Append(greedy, []factory.Reading{reading("a", 2, 1), reading("c", 1, 1)}); err != nil || result.Accepted != 1 {
		t.Errorf("Append to a known and a new series = %+v, %v, want 1 accepted", result, err)
	}

	page, err := f.Machines(context.Background(), factory.MachineQuery{Prefix: "g", Limit: 1})
	if err != nil || len(page.Machines) != 1 {
		t.Fatalf("Machines = %+v, %v", page, err)
	}
	if err := f.DeleteMachine(context.Background(), page.Machines[0].ID, factory.MatchAlways, true); err != nil {
		t.Fatal(err)
	}
	if result, err := f.Append(greedy, []factory.Reading{reading("d", 1, 1), reading("e", 1, 1)}); err != nil || result.Accepted != 1 {
		t.Errorf("Append after a purge of one series = %+v, %v, want 1 accepted", result, err)
	}
}

// wantLimit fails unless err is invalid and names the limit and the cure.
func wantLimit(t *testing.T, err error, limit, variable string) {
	t.Helper()
	if !errors.Is(err, factory.ErrInvalid) || !strings.Contains(err.Error(), limit) || !strings.Contains(err.Error(), variable) ||
		!strings.Contains(err.Error(), "purge=true") {
		t.Errorf("error = %v, want ErrInvalid that names %q, %s and purge=true", err, limit, variable)
	}
}

// testRegistrationOff: without AutoRegister only existing series accept
// readings.
func testRegistrationOff(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.append(reading("a", 1, 1))
	f.reopen(Limits{})
	result, err := f.Append(context.Background(), []factory.Reading{
		reading("b", 2, 2), reading("a", 2, 2), {Machine: "other", Metric: "a", ObservedAt: 2, Value: 2},
	})
	if err != nil || result.Accepted != 1 {
		t.Fatalf("Append = %+v, %v, want 1 accepted", result, err)
	}
	wantRejected(t, result, factory.ErrNotFound, 0, 2)
	f.wantHistory("m", series("a", 1, 1, 2, 2))
	if _, err := f.History(context.Background(), fullHistory("other")); !errors.Is(err, factory.ErrNotFound) {
		t.Errorf("History(other) = %v, want ErrNotFound", err)
	}
}

// wantRejected fails the test unless exactly the readings with these indices
// were rejected, in order, each with an error of the kind.
func wantRejected(t *testing.T, result factory.AppendResult, kind error, indices ...int) {
	t.Helper()
	var got []int
	for _, r := range result.Rejected {
		got = append(got, r.Index)
		if !errors.Is(r.Err, kind) {
			t.Errorf("rejection of reading %d: %v, want %v", r.Index, r.Err, kind)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(indices) {
		t.Errorf("rejected readings %v, want %v", got, indices)
	}
}

package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"smart-factory-backend/app/factory"
)

// testCanceledContext: a call whose context has already ended has no effect.
func testCanceledContext(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.append(reading("a", 1, 1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, appendErr := f.Append(ctx, []factory.Reading{reading("a", 2, 2)})
	_, latestErr := f.Latest(ctx, factory.LatestQuery{Limit: 1})
	_, historyErr := f.History(ctx, fullHistory("m"))
	for call, err := range map[string]error{"Append": appendErr, "Latest": latestErr, "History": historyErr} {
		if !errors.Is(err, factory.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s(ended context) = %v, want ErrUnavailable that wraps context.Canceled", call, err)
		}
	}
	f.append(reading("a", 3, 3))
	f.wantHistory("m", series("a", 1, 1, 3, 3))
}

// testClose: after Close every call is refused. Close may be called again.
func testClose(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.append(reading("a", 1, 1))
	if err := f.Ready(); err != nil {
		t.Errorf("Ready() = %v, want nil", err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatalf("Close() = %v, want nil", err)
		}
	}
	ctx := context.Background()
	_, appendErr := f.Append(ctx, []factory.Reading{reading("a", 2, 2)})
	_, refusedErr := f.Append(ctx, []factory.Reading{reading("a", 2, notANumber())})
	_, emptyErr := f.Append(ctx, nil)
	_, latestErr := f.Latest(ctx, factory.LatestQuery{Limit: 1})
	_, historyErr := f.History(ctx, fullHistory("m"))
	for call, err := range map[string]error{
		"Append": appendErr, "Append of a bad reading": refusedErr, "Append of nothing": emptyErr,
		"Latest": latestErr, "History": historyErr, "Ready": f.Ready(),
	} {
		if !errors.Is(err, factory.ErrUnavailable) {
			t.Errorf("%s after Close = %v, want ErrUnavailable", call, err)
		}
	}
	if engine := f.Stats().Engine; engine == "" {
		t.Errorf("Stats() after Close has no engine")
	}
	f.Store = f.open(Limits{AutoRegister: true})
	f.wantHistory("m", series("a", 1, 1))
}

// testCloseDuringAppends: an Append during Close either succeeds durably or
// fails with ErrUnavailable.
func testCloseDuringAppends(t *testing.T, open Opener) {
	f := newFixture(t, open)
	const clients = 8
	acknowledged := make([]int64, clients) // the last time of each client
	started := make(chan struct{}, clients)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for at := int64(1); ; at++ {
				_, err := f.Append(context.Background(), []factory.Reading{reading(fmt.Sprint(c), at, float64(at))})
				if at == 10 {
					started <- struct{}{}
				}
				if err != nil {
					if !errors.Is(err, factory.ErrUnavailable) {
						t.Errorf("Append during Close = %v, want ErrUnavailable", err)
					}
					return
				}
				acknowledged[c] = at
			}
		})
	}
	for range clients {
		<-started
	}
	var closing sync.WaitGroup
	for range 2 {
		closing.Go(func() {
			if err := f.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
		})
	}
	closing.Wait()
	wg.Wait()
	f.Store = f.open(Limits{AutoRegister: true})
	for c, last := range acknowledged {
		got := f.history("m", fmt.Sprint(c))
		if len(got) != 1 || int64(len(got[0].Points)) < last {
			t.Errorf("client %d: %d points acknowledged, History has %v series", c, last, len(got))
		}
	}
}

// testStats: the statistics match what was stored.
func testStats(t *testing.T, open Opener) {
	f := newFixture(t, open)
	if s := f.Stats(); s.Engine == "" || s.Points != 0 || s.Series != 0 || s.Machines != 0 || s.QueueCapacity < 1 {
		t.Errorf("Stats() of an empty store = %+v", s)
	}
	f.append(reading("a", 1, 1), reading("b", 1, 1), reading("a", 1, 2))
	f.append(factory.Reading{Machine: "other", Metric: "a", ObservedAt: 1, Value: math.Pi})
	if s := f.Stats(); s.Points != 4 || s.Series != 3 || s.Machines != 2 || s.QueuedReadings != 0 {
		t.Errorf("Stats() = %+v, want 4 points, 3 series, 2 machines, nothing queued", s)
	}
	f.reopen(Limits{AutoRegister: true})
	if s := f.Stats(); s.Points != 0 || s.Series != 3 || s.Machines != 2 {
		t.Errorf("Stats() after reopening = %+v, want 0 points since start, 3 series, 2 machines", s)
	}
}

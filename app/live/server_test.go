package live_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/live/hub"
)

// Whatever comes when: each screen ends up with what the store has, and no
// frame is missing or doubled on the way.
func TestSubscribersConvergeToTheStore(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	var writers, viewers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 300 {
				h.put(fmt.Sprint("m", rand.N(5)), fmt.Sprint("v", rand.N(4)), w+4*rand.N(1000), float64(i))
			}
		})
	}
	rooms := []string{"all", "machine:m0", "machine:m1", "machine:m2"}
	screens := make([]*subscriber, 8)
	for i := range screens {
		viewers.Go(func() {
			for range 20 {
				s := h.newSubscriber()
				s.subscribe(rooms[rand.N(len(rooms))])
				s.End()
			}
			screens[i] = h.newSubscriber()
			screens[i].subscribe("all", rooms[rand.N(len(rooms))])
		})
	}
	writers.Wait()
	viewers.Wait()
	page, err := h.store.Latest(context.Background(), factory.LatestQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range screens {
		for _, r := range page.Readings {
			s.waitForValue(r.Machine+" "+r.Metric, fmt.Sprint(r.ObservedAt-base, "=", r.Value))
		}
	}
}

func TestRunLifecycle(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(o *live.Options) { o.Interval = time.Hour })
	s := h.newSubscriber()
	s.subscribe("all")
	h.put("m", "v", 1, 1.0)
	s.waitForValue("m v", "1=1")
	h.put("m", "v", 2, 2.0)
	h.stop() // what has changed is shown, however long the interval
	s.waitForValue("m v", "2=2")
	h.put("m", "v", 3, 3.0)
	h.srv.PublishState(live.State{Machine: "m"})
	if fault := s.Subscribe(context.Background(), func() {}, "machine:m"); fault == nil || fault.Kind != "unavailable" {
		t.Errorf("subscribe after the end: %+v", fault)
	}
	if s.value("m v") != "2=2" {
		t.Error("something is shown after the end")
	}
	if err := h.srv.Run(context.Background()); !errors.Is(err, hub.ErrRunning) {
		t.Errorf("second Run = %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	other, err := live.New(live.Options{Latest: h.store, Keys: access.NewKeys(access.List{})})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Run(ctx); err != nil {
		t.Errorf("Run that is stopped before it starts = %v", err)
	}
	if _, err := live.New(live.Options{}); err == nil {
		t.Error("New without a store")
	}
}

func (*discardMember) Deliver(*hub.Frame) {}

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

// Under concurrent writes and subscriptions, every subscriber ends with what the
// store has, and receives consecutive frames.
func TestSubscribersConvergeToTheStore(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	var writers, readers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 300 {
				h.put(fmt.Sprint("m", rand.N(5)), fmt.Sprint("v", rand.N(4)), w+4*rand.N(1000), float64(i))
			}
		})
	}
	rooms := []string{"all", "machine:m0", "machine:m1", "machine:m2"}
	subscribers := make([]*subscriber, 8)
	for i := range subscribers {
		readers.Go(func() {
			for range 20 {
				s := h.newSubscriber()
				s.subscribe(rooms[rand.N(len(rooms))])
				s.End()
			}
			subscribers[i] = h.newSubscriber()
			subscribers[i].subscribe("all", rooms[rand.N(len(rooms))])
		})
	}
	writers.Wait()
	readers.Wait()
	page, err := h.store.Latest(context.Background(), factory.LatestQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range subscribers {
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
	h.stop() // sends the last changes before the interval ends
	s.waitForValue("m v", "2=2")
	h.put("m", "v", 3, 3.0)
	h.srv.Publish(factory.Notification{Kind: factory.EventState, Key: "m", Machine: "m", Seq: 1, Data: []byte("{}")})
	if fault := s.Subscribe(context.Background(), func() {}, "machine:m"); fault == nil || fault.Kind != "unavailable" {
		t.Errorf("Subscribe after Run = %+v", fault)
	}
	if s.value("m v") != "2=2" {
		t.Error("an event is sent after Run has returned")
	}
	if err := h.srv.Run(context.Background()); !errors.Is(err, hub.ErrRunning) {
		t.Errorf("second Run = %v, want ErrRunning", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	other, err := live.New(live.Options{Latest: h.store, Keys: access.NewKeys(access.List{})})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Run(ctx); err != nil {
		t.Errorf("Run with an ended context = %v", err)
	}
	if _, err := live.New(live.Options{}); err == nil {
		t.Error("New accepts Options without Latest")
	}
}

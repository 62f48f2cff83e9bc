//go:build integration

package plant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/testkit/postgrestest"
)

// alarmReplica is a process with a store of its own on one database.
type alarmReplica struct {
	store factory.Store
	feed  *plant.Feed
	stop  func()
}

func startAlarmReplica(t *testing.T, url string) *alarmReplica {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: url, AutoRegister: true, MaxConns: 7})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	alarms := plant.NewAlarms(plant.AlarmOptions{
		Store: store, Now: func() int64 { return time.Now().UnixMilli() }, Failed: func(err error) { t.Logf("Failed(%v)", err) },
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = alarms.Run(ctx)
	}()
	return &alarmReplica{store: store, feed: plant.NewFeed(store, alarms), stop: func() {
		cancel()
		<-done
		_ = store.Close()
	}}
}

// Three replicas on one database see a part of the readings each, and one of them
// ends now and then before it has judged what it stored. Each alarm is raised once.
func TestIntegrationReplicasOnPostgreSQLRaiseEachAlarmOnce(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.New("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Remove)
	var replicas []*alarmReplica
	for range 3 {
		replicas = append(replicas, startAlarmReplica(t, server.URL("")))
	}
	t.Cleanup(func() {
		for _, r := range replicas {
			r.stop()
		}
	})
	append1 := func(r *alarmReplica, n int, value float64) {
		t.Helper()
		if _, err := r.feed.Append(t.Context(), []factory.Reading{{Machine: "m", Metric: "temp", ObservedAt: second(float64(n)), Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	append1(replicas[0], 0, 20)
	audit := factory.Event{Kind: factory.EventAudit, Subject: "alarm-rule/hot", Data: []byte("{}")}
	if _, err := replicas[0].feed.Write(t.Context(), factory.JournalBatch{
		Documents: []factory.DocumentChange{{Kind: factory.DocumentAlarmRule, ID: "hot", Data: []byte(hot + `,"ack_required":false}`)}},
		Events:    []factory.Event{audit},
	}); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	want, active := 0, false
	for n := 1; n <= 150; n++ {
		value := float64(random.IntN(2)*60 + 30)
		append1(replicas[random.IntN(3)], n, value)
		if value > 80 && !active {
			want++
		}
		active = value > 80
		if random.IntN(15) == 0 {
			victim := random.IntN(3)
			replicas[victim].stop()
			replicas[victim] = startAlarmReplica(t, server.URL(""))
		}
	}
	append1(replicas[0], 200, 20)
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		seq, err := replicas[0].store.LastSeq(deadline)
		if err != nil {
			t.Fatal(err)
		}
		raised, returned := countTransitions(t, replicas[0].store)
		if raised == want && returned == want {
			return
		}
		if raised > want {
			t.Fatalf("%d alarms, want %d", raised, want)
		}
		if err := replicas[0].store.WaitEvents(deadline, seq); err != nil {
			t.Fatalf("%d raised and %d returned, want %d: %v", raised, returned, want, err)
		}
	}
}

func countTransitions(t *testing.T, store factory.Store) (raised, returned int) {
	t.Helper()
	page, err := store.Events(t.Context(), factory.EventQuery{
		Machine: "m", Kinds: []factory.EventKind{factory.EventAlarm}, From: math.MinInt64, To: math.MaxInt64, Limit: 10_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range page.Events {
		var transition alarm.Transition
		if err := json.Unmarshal(e.Data, &transition); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint(transition.Occurrence().ID, transition.Change)
		if transition.Change.Visible() && seen[key] {
			t.Errorf("%s of %s happened twice", transition.Change, transition.Occurrence().ID)
		}
		seen[key] = true
		switch transition.Change {
		case alarm.Raised:
			raised++
		case alarm.Returned:
			returned++
		}
	}
	return raised, returned
}

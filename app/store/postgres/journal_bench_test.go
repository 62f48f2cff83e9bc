//go:build integration

package postgres_test

import (
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/testkit/postgrestest"
)

// measurePerEvent is measurePerPoint for events.
func measurePerEvent(b *testing.B, s *postgrestest.Server) (report func(events int)) {
	b.Helper()
	client, server := cpuTime(b, s)
	began := time.Now()
	return func(events int) {
		elapsed := time.Since(began)
		clientEnd, serverEnd := cpuTime(b, s)
		b.ReportMetric(float64((clientEnd-client).Nanoseconds())/1000/float64(events), "client-us/event")
		b.ReportMetric(float64((serverEnd-server).Nanoseconds())/1000/float64(events), "server-us/event")
		b.ReportMetric(float64(events)/elapsed.Seconds(), "events/s")
	}
}

// benchEvent returns the nth event of a plant of 100 machines.
func benchEvent(n int64) factory.Event {
	return factory.Event{
		Machine: "machine-" + strconv.FormatInt(n%100, 10), Kind: factory.EventState, ID: strconv.FormatInt(n, 10),
		ObservedAt: benchBegin + n*1000, Data: []byte(`{"state":"running","reason":"order 4711","source":"event"}`),
	}
}

func mustWrite(t testing.TB, store factory.Journal, events ...factory.Event) []factory.WrittenEvent {
	t.Helper()
	result, err := store.Write(t.Context(), factory.JournalBatch{Events: events})
	if err != nil {
		t.Fatalf("Write(%d events) = %v", len(events), err)
	}
	return result.Events
}

func BenchmarkIntegrationJournalSingle(b *testing.B) {
	store, server, _ := benchStore(b)
	var next atomic.Int64
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	report := measurePerEvent(b, server)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mustWrite(b, store, benchEvent(next.Add(1)))
		}
	})
	report(b.N)
}

func BenchmarkIntegrationJournalBatch(b *testing.B) {
	store, server, _ := benchStore(b)
	b.ReportAllocs()
	n := int64(0)
	report := measurePerEvent(b, server)
	for b.Loop() {
		events := make([]factory.Event, 1000)
		for i := range events {
			events[i] = benchEvent(n)
			n++
		}
		mustWrite(b, store, events...)
	}
	report(int(n))
}

// fillJournal stores a million events, of which each hundredth is a transition of one
// of 1 000 alarms.
func fillJournal(b *testing.B, store *postgres.Store) {
	b.Helper()
	for n := int64(0); n < 1_000_000; {
		events := make([]factory.Event, 5000)
		for i := range events {
			events[i] = benchEvent(n)
			if n%100 == 0 {
				alarm := n / 100 % 1000
				events[i].Machine, events[i].Kind, events[i].Subject = fmt.Sprint("machine-", alarm%100), factory.EventAlarm, fmt.Sprint("rule-", alarm/100)
			}
			n++
		}
		mustWrite(b, store, events...)
	}
}

func BenchmarkIntegrationJournalRead(b *testing.B) {
	store, _, _ := benchStore(b)
	fillJournal(b, store)
	ctx := b.Context()
	whole := factory.EventQuery{From: 0, To: 1 << 52, Limit: 1000}
	with := func(change func(*factory.EventQuery)) func() (int, error) {
		q := whole
		change(&q)
		return func() (int, error) {
			page, err := store.Events(ctx, q)
			return len(page.Events), err
		}
	}
	for _, tt := range []struct {
		name string
		read func() (int, error)
	}{
		{"latest alarms", func() (int, error) {
			events, err := store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventAlarm})
			return len(events), err
		}},
		{"latest state of a machine", func() (int, error) {
			events, err := store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventState, Machine: "machine-7"})
			return 999 + len(events), err
		}},
		{"log", func() (int, error) {
			events, err := store.EventsAfter(ctx, factory.LogQuery{After: 900_000, Limit: 1000})
			return len(events), err
		}},
		{"log of a kind", func() (int, error) {
			events, err := store.EventsAfter(ctx, factory.LogQuery{After: 500_000, Limit: 1000, Kinds: []factory.EventKind{factory.EventAlarm}})
			return len(events), err
		}},
		{"all", with(func(*factory.EventQuery) {})},
		{"newest", with(func(q *factory.EventQuery) { q.Descending = true })},
		{"newest of a kind", with(func(q *factory.EventQuery) { q.Descending, q.Kinds = true, []factory.EventKind{factory.EventAlarm} })},
		{"newest of two kinds", with(func(q *factory.EventQuery) {
			q.Descending, q.Kinds = true, []factory.EventKind{factory.EventAlarm, factory.EventAudit}
		})},
		{"of a machine", with(func(q *factory.EventQuery) { q.Machine = "machine-7" })},
		{"of a kind and machine", with(func(q *factory.EventQuery) { q.Machine, q.Kinds = "machine-7", []factory.EventKind{factory.EventState} })},
	} {
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := tt.read(); err != nil || n != 1000 {
					b.Fatalf("read %d events, %v", n, err)
				}
			}
		})
	}
}

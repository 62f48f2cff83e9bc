//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

func stateEvent(machine, id string) factory.Event {
	return factory.Event{Machine: machine, Kind: factory.EventState, ID: id, ObservedAt: 1, Data: []byte(`{"state":"idle"}`)}
}

// A commit whose response is lost is neither repeated nor reported as a conflict, and
// one that did not take effect is made again.
func TestIntegrationJournalCommitOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	const (
		succeed = iota
		loseResponse
		loseCommit
	)
	var mode atomic.Int64
	store := mustOpen(t, testOptions(t).WithTuning(postgres.Tuning{AroundCommit: func(commit func() error) error {
		switch mode.Swap(succeed) {
		case loseResponse:
			return errors.Join(io.ErrUnexpectedEOF, commit())
		case loseCommit:
			return io.ErrUnexpectedEOF
		}
		return commit()
	}}))
	for i, lost := range []int64{loseResponse, loseCommit, loseResponse} {
		mode.Store(lost)
		e := stateEvent("m", fmt.Sprint(i))
		e.Follows = 1
		if i != 0 {
			e.Follows = int64(i)
		}
		result, err := store.Write(t.Context(), factory.JournalBatch{
			Documents: []factory.DocumentChange{{Kind: factory.DocumentProduct, ID: fmt.Sprint(i), Match: factory.MatchNone, Data: []byte("{}")}},
			Events:    []factory.Event{e},
		})
		switch {
		case i == 1 && !errors.Is(err, factory.ErrConflict): // event 0 follows 1 already
			t.Errorf("Write of a second follower = %v, want ErrConflict", err)
		case i != 1 && (err != nil || result.Events[0].Repeated || !result.Documents[0].Created):
			t.Errorf("Write %d = %+v, %v, want it stored once", i, result, err)
		}
	}
	mode.Store(loseCommit)
	if result, err := store.Write(t.Context(), factory.JournalBatch{Events: []factory.Event{stateEvent("m", "again")}}); err != nil || result.Events[0].Repeated {
		t.Errorf("Write whose commit is lost = %+v, %v, want it stored by the second attempt", result, err)
	}
	events, err := store.EventsAfter(t.Context(), factory.LogQuery{Limit: 100})
	if err != nil || len(events) != 3 {
		t.Errorf("EventsAfter = %d events, %v, want 3", len(events), err)
	}
}

// Three replicas race for each transition. Each is decided once, and readers on all
// replicas see all events, in order.
func TestIntegrationJournalOfReplicas(t *testing.T) {
	t.Parallel()
	stores := openReplicas(t, 3, nil)
	const transitions = 60
	first, err := stores[0].Write(t.Context(), factory.JournalBatch{Events: []factory.Event{stateEvent("m", "start")}})
	if err != nil {
		t.Fatal(err)
	}
	start := first.Events[0].Seq
	var wg sync.WaitGroup
	for i, store := range stores {
		wg.Go(func() { followUntil(t, store, i, start, transitions) })
		wg.Go(func() {
			events := readUntil(t, store, transitions+1)
			for i, e := range events {
				if i > 0 && e.Follows != events[i-1].Seq {
					t.Errorf("event %d follows %d, want %d", e.Seq, e.Follows, events[i-1].Seq)
				}
			}
		})
	}
	wg.Wait()
}

// followUntil appends events that follow the last one until there are n.
func followUntil(t *testing.T, store *postgres.Store, replica int, last int64, n int) {
	for t.Context().Err() == nil && !t.Failed() {
		events, err := store.EventsAfter(t.Context(), factory.LogQuery{After: last - 1, Limit: 1000})
		if err != nil {
			t.Errorf("EventsAfter = %v", err)
			return
		}
		all, err := store.EventsAfter(t.Context(), factory.LogQuery{Limit: 1000})
		if err != nil || len(all) > n {
			return
		}
		last = events[len(events)-1].Seq
		e := stateEvent("m", fmt.Sprintf("%d/%d", replica, last))
		e.Follows = last
		if _, err := store.Write(t.Context(), factory.JournalBatch{Events: []factory.Event{e}}); err != nil && !errors.Is(err, factory.ErrConflict) {
			t.Errorf("Write = %v", err)
			return
		}
	}
}

// readUntil tails the journal until it has read n events.
func readUntil(t *testing.T, store factory.Journal, n int) (events []factory.Event) {
	after := int64(0)
	for len(events) < n && !t.Failed() {
		if err := store.WaitEvents(context.Background(), after); err != nil {
			t.Errorf("WaitEvents = %v", err)
			return nil
		}
		more, err := store.EventsAfter(context.Background(), factory.LogQuery{After: after, Limit: 7})
		if err != nil {
			t.Errorf("EventsAfter = %v", err)
			return nil
		}
		for _, e := range more {
			if e.Seq <= after {
				t.Errorf("EventsAfter(%d) returned %d", after, e.Seq)
			}
			after = e.Seq
		}
		events = append(events, more...)
	}
	return events
}

// One of two replicas leads. When its connection is cut its run ends, and one of the
// two leads again; when it no longer wants to lead, the other one does.
func TestIntegrationLead(t *testing.T) {
	t.Parallel()
	o := testOptions(t).WithTuning(postgres.Tuning{PollInterval: 10 * time.Millisecond})
	stores := []*postgres.Store{mustOpen(t, o), mustOpen(t, o)}
	began := make(chan int, 10)
	cancels := make([]context.CancelFunc, len(stores))
	var wg sync.WaitGroup
	for i, store := range stores {
		ctx, cancel := context.WithCancel(t.Context())
		cancels[i] = cancel
		wg.Go(func() {
			err := store.Lead(ctx, func(ctx context.Context) error {
				began <- i
				<-ctx.Done()
				return nil
			})
			if err != nil {
				t.Errorf("Lead = %v", err)
			}
		})
	}
	<-began
	err := stores[0].Exec(t.Context(), `
		SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
			AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('smart-factory-backend/' || current_schema(), 6)
			AND $1 = 1`, 1)
	if err != nil {
		t.Fatal(err)
	}
	leader := <-began
	cancels[leader]()
	if next := <-began; next == leader {
		t.Errorf("replica %d leads again although it has stopped", leader)
	}
	cancels[1-leader]()
	wg.Wait()
}

//go:build integration

package postgres_test

import (
	"context"
	"crypto/rand"
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

// readUntil tails the journal until it has read n events.
func readUntil(t *testing.T, store factory.Journal, n int) (events []factory.Event) {
	after := int64(0)
	for len(events) < n && !t.Failed() {
		if err := store.WaitEvents(context.Background(), after); err != nil {
			t.Errorf("WaitEvents = %v", err)
			return nil
		}
		more, err := store.EventsAfter(context.Background(), factory.LogQuery{After: after, Limit: 7})
		if err != nil && !errors.Is(err, factory.ErrUnavailable) {
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

// A process that hangs in the middle of a commit does not keep the others from
// theirs, and its own is made again when it continues.
func TestIntegrationJournalOfReplicaThatHangs(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	running := mustOpen(t, o)
	o.StatementTimeout = 6 * time.Second
	hangs, resume := make(chan struct{}), make(chan struct{})
	var once sync.Once
	hanging := mustOpen(t, o.WithTuning(postgres.Tuning{AroundCommit: func(commit func() error) error {
		once.Do(func() {
			close(hangs)
			<-resume
		})
		return commit()
	}}))
	var wg sync.WaitGroup
	wg.Go(func() {
		result, err := hanging.Write(context.Background(), factory.JournalBatch{Events: []factory.Event{stateEvent("m", "hanging")}})
		if err != nil || result.Events[0].Repeated || result.Events[0].Seq != 2 {
			t.Errorf("Write of the process that hung = %+v, %v, want it stored as 2", result, err)
		}
	})
	<-hangs
	result, err := running.Write(t.Context(), factory.JournalBatch{Events: []factory.Event{stateEvent("m", "running")}})
	if err != nil || result.Events[0].Seq != 1 {
		t.Errorf("Write while another process hangs = %+v, %v, want it stored as 1", result, err)
	}
	close(resume)
	wg.Wait()
}

// A journal that is shorter after a failover does not keep those awake who wait for
// its next event.
func TestIntegrationJournalAfterFailover(t *testing.T) {
	t.Parallel()
	store, cut := openReplica(t, testOptions(t).WithTuning(postgres.Tuning{PollInterval: 10 * time.Millisecond}))
	mustWrite(t, store, stateEvent("m", "1"), stateEvent("m", "2"))
	if err := store.Exec(t.Context(), "TRUNCATE event"); err != nil {
		t.Fatal(err)
	}
	cut()
	eventually(t, "nothing is reported after the failover", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		return errors.Is(store.WaitEvents(ctx, 1), context.DeadlineExceeded)
	})
	eventually(t, "events can be written", func() bool {
		_, err := store.Write(t.Context(), factory.JournalBatch{Events: []factory.Event{stateEvent("m", "3")}})
		return err == nil
	})
	if err := store.WaitEvents(t.Context(), 0); err != nil {
		t.Errorf("WaitEvents = %v, want the event since", err)
	}
}

// Replicas hear of events and of changes of the registry at once, without looking.
func TestIntegrationReplicasAreNotified(t *testing.T) {
	t.Parallel()
	stores := openReplicas(t, 2, func(o *postgres.Options) { *o = o.WithTuning(postgres.Tuning{PollInterval: time.Hour}) })
	for last, line := int64(0), 0; line < 5; line++ {
		machine := factory.Machine{ID: "press", Placement: factory.Placement{Line: fmt.Sprint(line)}}
		if _, _, err := stores[0].PutMachine(t.Context(), machine, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
		if err := stores[1].WaitEvents(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		if is, ok := stores[1].Placement("press"); !ok || is != machine.Placement {
			t.Errorf("the other replica knows the placement %+v, %t, want %+v", is, ok, machine.Placement)
		}
		last = mustWrite(t, stores[0], stateEvent("press", fmt.Sprint(line)))[0].Seq
		if err := stores[1].WaitEvents(t.Context(), last-1); err != nil {
			t.Fatal(err)
		}
	}
}

// openReplica opens a store. cut makes the server end all its connections.
func openReplica(t *testing.T, o postgres.Options) (store *postgres.Store, cut func()) {
	t.Helper()
	name := rand.Text()
	admin := o
	o.URL += "&application_name=" + name
	return mustOpen(t, o), func() {
		t.Helper()
		err := postgres.ExecOn(context.Background(), admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name)
		if err != nil {
			t.Errorf("end the connections: %v", err)
		}
	}
}

// Three replicas race for each transition while the connections of one after another
// are cut. Each transition is decided once, nothing acknowledged is lost or stored
// twice, and readers on all replicas see all events, in order.
func TestIntegrationJournalOfReplicasThatLoseConnections(t *testing.T) {
	t.Parallel()
	const replicas, transitions = 3, 60
	o := testOptions(t).WithTuning(postgres.Tuning{PollInterval: 10 * time.Millisecond})
	var stores []*postgres.Store
	var cuts []func()
	for range replicas {
		store, cut := openReplica(t, o)
		stores, cuts = append(stores, store), append(cuts, cut)
	}
	mustWrite(t, stores[0], stateEvent("m", "start"))
	var wg sync.WaitGroup
	acknowledged := make([][]factory.Event, replicas)
	for i, store := range stores {
		wg.Go(func() { acknowledged[i] = race(t, store, i, transitions, cuts[(i+1)%replicas]) })
		wg.Go(func() {
			for n, e := range readUntil(t, store, transitions+1) {
				if e.Seq != int64(n+1) || e.Follows != int64(n) {
					t.Errorf("event %d is %d and follows %d", n+1, e.Seq, e.Follows)
				}
			}
		})
	}
	wg.Wait()
	var stored []factory.Event
	eventually(t, "the journal can be read", func() (ok bool) {
		var err error
		stored, err = stores[0].EventsAfter(context.Background(), factory.LogQuery{Limit: 1000})
		return err == nil
	})
	for i, events := range acknowledged {
		for _, e := range events {
			if e.Seq > int64(len(stored)) || stored[e.Seq-1].ID != e.ID {
				t.Errorf("event %d is not %q, which replica %d has acknowledged", e.Seq, e.ID, i)
			}
		}
	}
}

// race appends events that follow the last one until there are n, and returns those
// that were acknowledged. It tries an event whose outcome it does not know again, and
// calls cut after each fifth event.
func race(t *testing.T, store *postgres.Store, replica, n int, cut func()) (acknowledged []factory.Event) {
	for last := int64(1); last <= int64(n) && !t.Failed(); {
		e := stateEvent("m", fmt.Sprintf("%d/%d", replica, last))
		e.Follows = last
		result, err := store.Write(context.Background(), factory.JournalBatch{Events: []factory.Event{e}})
		switch {
		case err == nil:
			last = result.Events[0].Seq
			acknowledged = append(acknowledged, result.Events[0].Event)
			if last%5 == 0 {
				cut()
			}
		case errors.Is(err, factory.ErrConflict):
			last++
		case !errors.Is(err, factory.ErrUnavailable):
			t.Errorf("Write = %v, want it stored, a conflict, or unavailable", err)
		}
	}
	return acknowledged
}

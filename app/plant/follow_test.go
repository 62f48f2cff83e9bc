package plant_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

// recorder records what a Feed reports. Its first calls fail.
type recorder struct {
	mu       sync.Mutex
	failures int
	begun    int64
	seqs     []int64
	moves    []string
}

func (r *recorder) fail() error {
	if r.failures > 0 {
		r.failures--
		return fmt.Errorf("store away: %w", factory.ErrUnavailable)
	}
	return nil
}

func (r *recorder) EventsBegin(_ context.Context, seq int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = seq
	return r.fail()
}

func (r *recorder) EventsStored(_ context.Context, events []factory.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fail(); err != nil {
		return err
	}
	for _, e := range events {
		r.seqs = append(r.seqs, e.Seq)
	}
	return nil
}

func (r *recorder) ReadingsStored([]factory.Reading, []factory.Rejection) {}

func (r *recorder) MachineMoved(machine string, before factory.Placement) {
	r.moves = append(r.moves, "moved "+machine+" from "+before.Line)
}

func (r *recorder) MachineDeleted(machine string, before factory.Placement) {
	r.moves = append(r.moves, "deleted "+machine+" in "+before.Line)
}

// flakyJournal fails each second time that it is read.
type flakyJournal struct {
	factory.Store
	calls int
}

func (j *flakyJournal) EventsAfter(ctx context.Context, q factory.LogQuery) ([]factory.Event, error) {
	if j.calls++; j.calls%2 == 0 {
		return nil, fmt.Errorf("database gone: %w", factory.ErrUnavailable)
	}
	q.Limit = min(q.Limit, 3)
	return j.Store.EventsAfter(ctx, q)
}

func write(t *testing.T, store factory.Store, events ...factory.Event) {
	t.Helper()
	if _, err := store.Write(context.Background(), factory.JournalBatch{Events: events}); err != nil {
		t.Fatal(err)
	}
}

// Whatever fails, each event is reported once and in order.
func TestFeedReportsEachEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		note := factory.Event{Machine: "m", Kind: factory.EventNote, ObservedAt: 1, Data: []byte("{}")}
		write(t, store, note, note)
		feed := plant.NewFeed(&flakyJournal{Store: store})
		r := &recorder{failures: 3}
		feed.Follow(r)
		want := []int64{}
		for range 3 {
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- feed.Run(ctx) }()
			synctest.Wait()
			for range 5 {
				write(t, store, note, note)
			}
			<-time.After(time.Minute) // of the fake clock
			synctest.Wait()
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run = %v", err)
			}
		}
		for seq := r.begun + 1; seq <= 32; seq++ {
			want = append(want, seq)
		}
		if !slices.Equal(r.seqs, want) {
			t.Errorf("from %d on: %v, want %v", r.begun, r.seqs, want)
		}
	})
}

func TestFeedReturnsOtherErrors(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	feed := plant.NewFeed(store)
	broken := errors.New("a fault of ours")
	feed.Follow(failing{broken})
	if err := feed.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Run = %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) EventsBegin(context.Context, int64) error            { return f.err }
func (f failing) EventsStored(context.Context, []factory.Event) error { return f.err }

// Machines that any process has moved or deleted are reported.
func TestFeedReportsMachinesOfOtherProcesses(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	r := &recorder{}
	feed := plant.NewFeed(store, r)
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan struct{})
	feed.Follow(onBegin(func() { close(begun) }), onEvents(func(events []factory.Event) {
		if events[len(events)-1].Kind == factory.EventNote {
			close(done)
		}
	}))
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	<-begun
	audit := func(machine, data string) factory.Event {
		return factory.Event{Kind: factory.EventAudit, Subject: "machine/" + machine, ObservedAt: 1, Data: []byte(data)}
	}
	write(t, store,
		audit("a/b", `{"from":null,"to":{"line":"1"}}`), audit("a/b", `{"from":{"line":"1"},"to":{"name":"x","line":"1"}}`),
		audit("a/b", `{"from":{"line":"1"},"to":{"line":"2"}}`), audit("a/b", `{"from":{"line":"2"},"to":null}`),
		factory.Event{Kind: factory.EventAudit, Subject: "product/p", ObservedAt: 1, Data: []byte(`{"from":null,"to":null}`)})
	write(t, store, factory.Event{Kind: factory.EventNote, Machine: "m", ObservedAt: 1, Data: []byte("{}")})
	<-done
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	if want := []string{"moved a/b from ", "moved a/b from 1", "deleted a/b in 2"}; !slices.Equal(r.moves, want) {
		t.Errorf("reports = %q, want %q", r.moves, want)
	}
}

type onBegin func()

func (f onBegin) EventsBegin(context.Context, int64) error            { f(); return nil }
func (f onBegin) EventsStored(context.Context, []factory.Event) error { return nil }

type onEvents func([]factory.Event)

func (f onEvents) EventsBegin(context.Context, int64) error { return nil }
func (f onEvents) EventsStored(_ context.Context, events []factory.Event) error {
	f(events)
	return nil
}

package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"smart-factory-backend/app/factory"
)

// Of several writers that follow the same event, one succeeds.
func testConcurrentFollowers(t *testing.T, open Opener) {
	f := newFixture(t, open)
	last := f.record(event("m", "start", 1))[0].Seq
	for round := range 20 {
		var won atomic.Int64
		var writers sync.WaitGroup
		for writer := range 8 {
			writers.Go(func() {
				e := event("m", fmt.Sprint(round, "/", writer), 1)
				e.Follows = last
				result, err := f.Write(context.Background(), factory.JournalBatch{Events: []factory.Event{e}})
				switch {
				case err == nil && !won.CompareAndSwap(0, result.Events[0].Seq):
					t.Errorf("two events follow %d", last)
				case err != nil && !errors.Is(err, factory.ErrConflict):
					t.Errorf("Write = %v, want ErrConflict", err)
				}
			})
		}
		writers.Wait()
		if last = won.Load(); last == 0 {
			t.Fatalf("round %d: nobody could follow", round)
		}
	}
}

// While many write, a reader of the log sees each event once and in order.
func testConcurrentWriters(t *testing.T, open Opener) {
	f := newFixture(t, open)
	const writers, each = 8, 25
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				batch := factory.JournalBatch{Events: []factory.Event{event(fmt.Sprint("m", w), fmt.Sprint(i), int64(i))}}
				if _, err := f.Write(context.Background(), batch); err != nil {
					t.Errorf("Write = %v", err)
				}
			}
		})
	}
	seen, after := map[string]bool{}, int64(0)
	for len(seen) < writers*each && !t.Failed() {
		if err := f.WaitEvents(context.Background(), after); err != nil {
			t.Errorf("WaitEvents(%d) = %v", after, err)
			break
		}
		events, err := f.EventsAfter(context.Background(), factory.LogQuery{After: after, Limit: 7})
		if err != nil {
			t.Errorf("EventsAfter(%d) = %v", after, err)
			break
		}
		for _, e := range events {
			id := e.Machine + "/" + e.ID
			if e.Seq <= after || seen[id] {
				t.Errorf("EventsAfter returned %s with seq %d after %d", id, e.Seq, after)
			}
			seen[id], after = true, e.Seq
		}
	}
	writing.Wait()
}

func testWaitEvents(t *testing.T, open Opener) {
	f := newFixture(t, open)
	first := f.record(event("m", "1", 1))[0].Seq
	if err := f.WaitEvents(context.Background(), first-1); err != nil {
		t.Errorf("WaitEvents below the last seq = %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error, 1)
	go func() { waiting <- f.WaitEvents(ctx, first) }()
	cancel()
	if err := <-waiting; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("WaitEvents with an ended context = %v, want context.Canceled", err)
	}
	go func() {
		// WaitEvents may return early, so wait as a caller does.
		for {
			if err := f.WaitEvents(context.Background(), first); err != nil {
				waiting <- err
				return
			}
			if last, err := f.LastSeq(context.Background()); err != nil || last > first {
				waiting <- err
				return
			}
		}
	}()
	f.record(event("m", "2", 1))
	if err := <-waiting; err != nil {
		t.Errorf("WaitEvents while an event is appended = %v", err)
	}
}

func testJournalAfterClose(t *testing.T, open Opener) {
	f := newFixture(t, open)
	last := f.record(event("m", "1", 1))[0].Seq
	waiting := make(chan error, 1)
	go func() {
		for {
			if err := f.WaitEvents(context.Background(), last); err != nil {
				waiting <- err
				return
			}
		}
	}()
	if err := f.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	if err := <-waiting; !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("WaitEvents during Close = %v, want ErrUnavailable", err)
	}
	f.wantJournalErrors(context.Background(), "after Close", factory.ErrUnavailable)
}

func testJournalCanceledContext(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f.wantJournalErrors(ctx, "with an ended context", factory.ErrUnavailable)
}

// wantJournalErrors requires that all methods but WaitEvents return an error.
func (f *fixture) wantJournalErrors(ctx context.Context, when string, kind error) {
	f.t.Helper()
	j := f
	for name, call := range map[string]func() error{
		"Write": func() error {
			_, err := j.Write(ctx, factory.JournalBatch{Events: []factory.Event{event("m", "x", 1)}})
			return err
		},
		"Document": func() error {
			_, err := j.Document(ctx, factory.DocumentShift, "s")
			return err
		},
		"Documents": func() error {
			_, err := j.Documents(ctx, factory.DocumentQuery{Kind: factory.DocumentShift, Limit: 1})
			return err
		},
		"Events": func() error {
			_, err := j.Events(ctx, factory.EventQuery{To: 1, Limit: 1})
			return err
		},
		"LatestEvents": func() error {
			_, err := j.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventState})
			return err
		},
		"EventsAfter": func() error {
			_, err := j.EventsAfter(ctx, factory.LogQuery{Limit: 1})
			return err
		},
		"LastSeq": func() error {
			_, err := j.LastSeq(ctx)
			return err
		},
	} {
		if err := call(); !errors.Is(err, kind) {
			f.t.Errorf("%s %s = %v, want %v", name, when, err, kind)
		}
	}
}

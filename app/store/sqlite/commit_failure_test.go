package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	storage "smart-factory-backend/app/store"
	"smart-factory-backend/app/store/sqlite"
)

var errDisk = errors.New("disk failure")

// commitHook is an aroundCommit that tests can change while the store is open.
type commitHook struct {
	current atomic.Pointer[func(commit func() error) error]
}

func (h *commitHook) commit(commit func() error) error {
	if f := h.current.Load(); f != nil {
		return (*f)(commit)
	}
	return commit()
}

func (h *commitHook) set(f func(commit func() error) error) { h.current.Store(&f) }

func (h *commitHook) clear() { h.current.Store(nil) }

// commitFails is a commit without effect. commitsThenFails fails after it has
// taken effect, like a failed sync.
func commitFails(func() error) error { return errDisk }

func commitsThenFails(commit func() error) error { return errors.Join(commit(), errDisk) }

// block makes the next commits wait until release is closed. Each sends to
// reached first.
func (h *commitHook) block() (reached, release chan struct{}) {
	reached, release = make(chan struct{}, 64), make(chan struct{})
	h.set(func(commit func() error) error {
		reached <- struct{}{}
		<-release
		return commit()
	})
	return reached, release
}

// openWithCommitHook opens a store with a hook. Its sealer and its probe do
// not run by themselves.
func openWithCommitHook(t *testing.T, options sqlite.Options) (*sqlite.Store, *commitHook) {
	t.Helper()
	h := new(commitHook)
	if options.Path == "" {
		options.Path = newPath(t)
	}
	options.AutoRegister = true
	return mustOpen(t, options.WithTuning(sqlite.Tuning{SealEvery: time.Hour, ProbeEvery: time.Hour, AroundCommit: h.commit})), h
}

// wantAppendFails appends readings and requires ErrUnavailable with the cause.
func wantAppendFails(t *testing.T, store *sqlite.Store, cause error, readings ...factory.Reading) {
	t.Helper()
	result, err := store.Append(context.Background(), readings)
	if !errors.Is(err, factory.ErrUnavailable) || !errors.Is(err, cause) || result.Accepted != 0 {
		t.Fatalf("Append = %+v, %v, want ErrUnavailable and %v", result, err, cause)
	}
}

func wantSeries(t *testing.T, store *sqlite.Store, machine, want string) {
	t.Helper()
	if got := fmt.Sprint(history(t, store, machine, "v")); got != want {
		t.Errorf("History(%s) = %s, want %s", machine, got, want)
	}
}

func wantUnknown(t *testing.T, store *sqlite.Store, machine string) {
	t.Helper()
	_, err := store.History(context.Background(), factory.HistoryQuery{Machine: machine, To: 1, Limit: 1})
	if !errors.Is(err, factory.ErrNotFound) {
		t.Errorf("History(%s) = %v, want ErrNotFound", machine, err)
	}
}

func TestFailedCommit(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(func() error) error{"before it took effect": commitFails, "after it took effect": commitsThenFails} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			faults := make(chan error, 16)
			store, h := openWithCommitHook(t, sqlite.Options{Path: path, OnFault: func(err error) { faults <- err }})
			mustAppend(t, store, []factory.Reading{readingAt("a", 1, 1)})

			h.set(fault)
			for range 3 {
				wantAppendFails(t, store, errDisk, readingAt("a", 1, 99), readingAt("a", 2, 99), readingAt("new", 1, 99))
				wantSeries(t, store, "a", "[{1 1}]")
				wantUnknown(t, store, "new")
				if err := store.Ready(); !errors.Is(err, factory.ErrUnavailable) || !strings.Contains(err.Error(), errDisk.Error()) {
					t.Errorf("Ready() = %v, want ErrUnavailable with the cause", err)
				}
			}
			if err := <-faults; !errors.Is(err, errDisk) {
				t.Errorf("OnFault(%v), want the cause", err)
			}

			h.clear()
			mustAppend(t, store, []factory.Reading{readingAt("a", 3, 3), readingAt("other", 1, 1)})
			if err := <-faults; err != nil {
				t.Errorf("OnFault(%v), want nil, and the fault only once", err)
			}
			if err := store.Ready(); err != nil {
				t.Errorf("Ready() = %v, want nil", err)
			}
			mustAppend(t, store, []factory.Reading{readingAt("new", 2, 2)})
			for range 2 {
				wantSeries(t, store, "a", "[{1 1} {3 3}]")
				wantSeries(t, store, "new", "[{2 2}]")
				wantSeries(t, store, "other", "[{1 1}]")
				mustClose(t, store)
				store = mustOpen(t, sqlite.Options{Path: path})
			}
		})
	}
}

func TestPanicInCommitIsContained(t *testing.T) {
	t.Parallel()
	faults := make(chan error, 16)
	store, h := openWithCommitHook(t, sqlite.Options{OnFault: func(err error) { faults <- err }})
	h.set(func(func() error) error { panic("a broken invariant") })
	_, err := store.Append(context.Background(), []factory.Reading{readingAt("a", 1, 1)})
	if !errors.Is(err, factory.ErrUnavailable) || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("Append = %v, want ErrUnavailable without a stack", err)
	}
	var crash *storage.PanicError
	if err := <-faults; !errors.As(err, &crash) || crash.Value != "a broken invariant" || !strings.Contains(string(crash.Stack), "failure_test.go") {
		t.Errorf("OnFault(%v), want the panic with its stack", err)
	}
	h.clear()
	mustAppend(t, store, []factory.Reading{readingAt("a", 2, 2)})
	wantSeries(t, store, "a", "[{2 2}]")
}

func TestFailedSealing(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(func() error) error{
		"before it took effect": commitFails,
		"after it took effect":  commitsThenFails,
		"by a panic":            func(func() error) error { panic("a broken invariant") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			store, h := openWithCommitHook(t, sqlite.Options{Path: path, SealPoints: 3})
			var readings []factory.Reading
			for i := range int64(8) {
				readings = append(readings, readingAt("a", i, float64(i)), readingAt("b", 100-i, float64(i)))
			}
			const a = "[{0 0} {1 1} {2 2} {3 -3} {4 4} {5 5} {6 6} {7 7}]"
			const b = "[{93 7} {94 6} {95 5} {96 4} {97 3} {98 2} {99 1} {100 0}]"
			mustAppend(t, store, readings)
			check := func() {
				t.Helper()
				wantSeries(t, store, "a", a)
				wantSeries(t, store, "b", b)
			}
			h.set(fault)
			for range 2 {
				if err := store.SealNow(); err == nil {
					t.Fatal("SealNow() = nil, want an error")
				}
			}
			h.clear()
			mustAppend(t, store, []factory.Reading{readingAt("a", 3, -3)}) // while a layer waits for the next attempt
			check()
			h.set(fault)
			if err := store.SealNow(); err == nil {
				t.Fatal("SealNow() = nil, want an error")
			}
			check()
			h.clear()
			mustSeal(t, store)
			check()
			if n, err := store.QueryInt("SELECT sum(n) FROM chunk"); n != 16 || err != nil {
				t.Errorf("the chunks have %d points, %v, want 16", n, err)
			}
			mustClose(t, store)
			store = mustOpen(t, sqlite.Options{Path: path})
			check()
		})
	}
}

func TestAppendToFullQueueFailsAtOnce(t *testing.T) {
	t.Parallel()
	store, h := openWithCommitHook(t, sqlite.Options{QueueReadings: 10})
	reached, release := h.block()
	errs := make(chan error, 2)
	enqueue := func(readings ...factory.Reading) {
		go func() {
			_, err := store.Append(context.Background(), readings)
			errs <- err
		}()
	}
	enqueue(readingAt("a", 1, 1), readingAt("a", 2, 2))
	<-reached // these two are being committed and still occupy the queue
	var eight []factory.Reading
	for i := range int64(8) {
		eight = append(eight, readingAt("b", i, 1))
	}
	enqueue(eight...)
	waitFor(t, "the queue to fill", func() bool { return store.Stats().QueuedReadings == 10 })
	if _, err := store.Append(context.Background(), eight[:1]); !errors.Is(err, factory.ErrOverloaded) {
		t.Errorf("Append to a full queue = %v, want ErrOverloaded", err)
	}
	if err := store.Ready(); !errors.Is(err, factory.ErrOverloaded) {
		t.Errorf("Ready() with a full queue = %v, want ErrOverloaded", err)
	}
	if _, err := store.Append(context.Background(), make([]factory.Reading, 11)); !errors.Is(err, factory.ErrInvalid) {
		t.Errorf("Append of more than the queue holds = %v, want ErrInvalid", err)
	}
	close(release)
	for range 2 {
		if err := <-errs; err != nil {
			t.Errorf("queued Append = %v, want nil", err)
		}
	}
	if err := store.Ready(); err != nil {
		t.Errorf("Ready() = %v, want nil", err)
	}
	mustAppend(t, store, eight)
	if queued := store.Stats().QueuedReadings; queued != 0 {
		t.Errorf("Stats().QueuedReadings = %d, want 0", queued)
	}
}

func TestAppendReturnsWhenContextEnds(t *testing.T) {
	t.Parallel()
	store, h := openWithCommitHook(t, sqlite.Options{})
	reached, release := h.block()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-reached
		cancel()
	}()
	_, err := store.Append(ctx, []factory.Reading{readingAt("a", 1, 1)})
	if !errors.Is(err, factory.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Append = %v, want ErrUnavailable that wraps context.Canceled", err)
	}
	close(release)
	mustAppend(t, store, []factory.Reading{readingAt("a", 2, 2)})
	wantSeries(t, store, "a", "[{1 1} {2 2}]") // it may or may not become durable; here it does
}

func TestCloseCommitsQueuedReadings(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store, h := openWithCommitHook(t, sqlite.Options{Path: path})
	reached, release := h.block()
	errs := make(chan error, 2)
	for i := range int64(2) {
		go func() {
			_, err := store.Append(context.Background(), []factory.Reading{readingAt("a", i, 1)})
			errs <- err
		}()
	}
	<-reached
	waitFor(t, "both to be queued", func() bool { return store.Stats().QueuedReadings == 2 })
	closed := make(chan error, 1)
	go func() { closed <- store.Close() }()
	waitFor(t, "Close to begin", func() bool { return store.Ready() != nil })
	close(release)
	if err := errors.Join(<-errs, <-errs, <-closed); err != nil {
		t.Errorf("Append, Append, Close: %v, want nil", err)
	}
	wantSeries(t, mustOpen(t, sqlite.Options{Path: path}), "a", "[{0 1} {1 1}]")
}

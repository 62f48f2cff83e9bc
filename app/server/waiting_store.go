package server

import (
	"context"
	"fmt"
	"sync/atomic"

	"smart-factory-backend/app/factory"
)

// waitingStore is a factory.Store whose database cannot be reached yet. Its methods
// return ErrUnavailable until set is called, and then those of the database's store.
type waitingStore struct {
	engine string
	open   atomic.Pointer[factory.Store]
}

var errStoreNotOpen = fmt.Errorf("the database has not been reached since the start: %w", factory.ErrUnavailable)

func (w *waitingStore) set(s factory.Store) { w.open.Store(&s) }

// use calls f with the store, or returns errStoreNotOpen.
func use[T any](w *waitingStore, f func(factory.Store) (T, error)) (T, error) {
	if s := w.open.Load(); s != nil {
		return f(*s)
	}
	var none T
	return none, errStoreNotOpen
}

func (w *waitingStore) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	if s := w.open.Load(); s != nil { // without a closure: this is the hot path
		return (*s).Append(ctx, readings)
	}
	return factory.AppendResult{}, errStoreNotOpen
}

func (w *waitingStore) Latest(ctx context.Context, q factory.LatestQuery) (factory.LatestPage, error) {
	return use(w, func(s factory.Store) (factory.LatestPage, error) { return s.Latest(ctx, q) })
}

func (w *waitingStore) History(ctx context.Context, q factory.HistoryQuery) (factory.HistoryPage, error) {
	return use(w, func(s factory.Store) (factory.HistoryPage, error) { return s.History(ctx, q) })
}

func (w *waitingStore) Buckets(ctx context.Context, q factory.BucketQuery) (factory.BucketPage, error) {
	return use(w, func(s factory.Store) (factory.BucketPage, error) { return s.Buckets(ctx, q) })
}

func (w *waitingStore) Downsample(ctx context.Context, q factory.DownsampleQuery) ([]factory.Series, error) {
	return use(w, func(s factory.Store) ([]factory.Series, error) { return s.Downsample(ctx, q) })
}

func (w *waitingStore) Machine(ctx context.Context, id string) (factory.Machine, error) {
	return use(w, func(s factory.Store) (factory.Machine, error) { return s.Machine(ctx, id) })
}

func (w *waitingStore) Machines(ctx context.Context, q factory.MachineQuery) (factory.MachinePage, error) {
	return use(w, func(s factory.Store) (factory.MachinePage, error) { return s.Machines(ctx, q) })
}

func (w *waitingStore) Metric(ctx context.Context, machine, name string) (factory.Metric, error) {
	return use(w, func(s factory.Store) (factory.Metric, error) { return s.Metric(ctx, machine, name) })
}

func (w *waitingStore) Metrics(ctx context.Context, machine string) ([]factory.Metric, error) {
	return use(w, func(s factory.Store) ([]factory.Metric, error) { return s.Metrics(ctx, machine) })
}

func (w *waitingStore) PutMachine(ctx context.Context, m factory.Machine, match factory.Match) (stored factory.Machine, created bool, err error) {
	if s := w.open.Load(); s != nil {
		return (*s).PutMachine(ctx, m, match)
	}
	return stored, false, errStoreNotOpen
}

func (w *waitingStore) PutMetric(ctx context.Context, m factory.Metric, match factory.Match) (stored factory.Metric, created bool, err error) {
	if s := w.open.Load(); s != nil {
		return (*s).PutMetric(ctx, m, match)
	}
	return stored, false, errStoreNotOpen
}

func (w *waitingStore) DeleteMachine(ctx context.Context, id string, match factory.Match, purge bool) error {
	if s := w.open.Load(); s != nil {
		return (*s).DeleteMachine(ctx, id, match, purge)
	}
	return errStoreNotOpen
}

func (w *waitingStore) Backup(ctx context.Context, path string) error {
	if s := w.open.Load(); s != nil {
		return (*s).Backup(ctx, path)
	}
	return errStoreNotOpen
}

func (w *waitingStore) Placement(machine string) (p factory.Placement, ok bool) {
	if s := w.open.Load(); s != nil {
		return (*s).Placement(machine)
	}
	return p, false
}

func (w *waitingStore) Stats() factory.StoreStats {
	if s := w.open.Load(); s != nil {
		return (*s).Stats()
	}
	return factory.StoreStats{Engine: w.engine}
}

func (w *waitingStore) Ready() error {
	if s := w.open.Load(); s != nil {
		return (*s).Ready()
	}
	return errStoreNotOpen
}

func (w *waitingStore) Close() error {
	if s := w.open.Load(); s != nil {
		return (*s).Close()
	}
	return nil
}

// waitForStore opens the database of a waitingStore as soon as it can be reached.
// giveUp receives the reason if that takes longer than STORE_WAIT or fails for
// another reason.
func (a *App) waitForStore(ctx context.Context, w *waitingStore, giveUp func(cause error)) {
	s, err := a.openPostgres(ctx, a.config.StoreWait)
	switch {
	case err == nil:
		a.lineNaming.begin(ctx, s)
		w.set(s)
		close(a.storeOpen)
		a.log.Info("database reached")
	case ctx.Err() != nil: // the process ends
	default:
		giveUp(&startFailure{&sectionError{err, "database-unreachable"}})
	}
}

// startFailure is the cause of the end of a server that could not start completely.
type startFailure struct{ error }

func (f *startFailure) Unwrap() error { return f.error }

func (w *waitingStore) Write(ctx context.Context, batch factory.JournalBatch) (factory.JournalResult, error) {
	return use(w, func(s factory.Store) (factory.JournalResult, error) { return s.Write(ctx, batch) })
}

func (w *waitingStore) Lead(ctx context.Context, run func(context.Context) error) error {
	_, err := use(w, func(s factory.Store) (struct{}, error) { return struct{}{}, s.Lead(ctx, run) })
	return err
}

func (w *waitingStore) Document(ctx context.Context, kind factory.DocumentKind, id string) (factory.Document, error) {
	return use(w, func(s factory.Store) (factory.Document, error) { return s.Document(ctx, kind, id) })
}

func (w *waitingStore) Documents(ctx context.Context, q factory.DocumentQuery) (factory.DocumentPage, error) {
	return use(w, func(s factory.Store) (factory.DocumentPage, error) { return s.Documents(ctx, q) })
}

func (w *waitingStore) Events(ctx context.Context, q factory.EventQuery) (factory.EventPage, error) {
	return use(w, func(s factory.Store) (factory.EventPage, error) { return s.Events(ctx, q) })
}

func (w *waitingStore) LatestEvents(ctx context.Context, q factory.LatestEventQuery) ([]factory.Event, error) {
	return use(w, func(s factory.Store) ([]factory.Event, error) { return s.LatestEvents(ctx, q) })
}

func (w *waitingStore) EventsAfter(ctx context.Context, q factory.LogQuery) ([]factory.Event, error) {
	return use(w, func(s factory.Store) ([]factory.Event, error) { return s.EventsAfter(ctx, q) })
}

func (w *waitingStore) LastSeq(ctx context.Context) (int64, error) {
	return use(w, func(s factory.Store) (int64, error) { return s.LastSeq(ctx) })
}

func (w *waitingStore) WaitEvents(ctx context.Context, after int64) error {
	_, err := use(w, func(s factory.Store) (struct{}, error) { return struct{}{}, s.WaitEvents(ctx, after) })
	return err
}

package plant

import (
	"context"

	"smart-factory-backend/app/factory"
)

// Subscriber is told about the changes of a store after they are durable. Its methods
// do not block, and retain none of their arguments.
type Subscriber interface {
	// ReadingsStored reports readings that this process has appended, on the goroutine
	// of the request. rejected are those of them that the store refused, in ascending
	// order of Index.
	ReadingsStored(readings []factory.Reading, rejected []factory.Rejection)
	// MachineMoved reports a machine whose placement has changed from before, whichever
	// process has changed it. It is called on the goroutine of Feed.Run.
	MachineMoved(machine string, before factory.Placement)
	// MachineDeleted reports a machine that was deleted, as MachineMoved does.
	MachineDeleted(machine string, before factory.Placement)
}

// EventSubscriber is told about the events of the journal, whichever process has
// appended them. Its methods are called one at a time, on the goroutine of Feed.Run,
// and may wait for the store. After an error the call is repeated later.
type EventSubscriber interface {
	// EventsBegin is called first. Events up to seq are not reported: the subscriber
	// reads from the store what it needs of them. Some later ones may be visible there
	// already, and are reported as well.
	EventsBegin(ctx context.Context, seq int64) error
	// EventsStored reports events in order of Seq. Those of a call that has failed are
	// reported again.
	EventsStored(ctx context.Context, events []factory.Event) error
}

// DocumentSubscriber is a Subscriber that is told about the changes of documents that
// this process has stored, before the request ends.
type DocumentSubscriber interface {
	// DocumentsStored reports changes on the goroutine of the request. It may wait for
	// the store.
	DocumentsStored(ctx context.Context, changes []factory.DocumentChange)
}

// Feed is a factory.Store that reports its changes to subscribers.
type Feed struct {
	factory.Store
	subscribers      []Subscriber
	eventSubscribers []EventSubscriber

	// Run uses these. They survive its end.
	begun bool
	last  int64 // Seq of the last event that was reported
}

// NewFeed wraps store.
func NewFeed(store factory.Store, subscribers ...Subscriber) *Feed {
	return &Feed{Store: store, subscribers: subscribers}
}

// Follow adds subscribers of events. It must not be called after Run.
func (f *Feed) Follow(subscribers ...EventSubscriber) {
	f.eventSubscribers = append(f.eventSubscribers, subscribers...)
}

// Append stores readings and reports those that were accepted.
func (f *Feed) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	result, err := f.Store.Append(ctx, readings)
	if err == nil {
		for _, s := range f.subscribers {
			s.ReadingsStored(readings, result.Rejected)
		}
	}
	return result, err
}

// Write stores a batch and reports the changes of documents.
func (f *Feed) Write(ctx context.Context, batch factory.JournalBatch) (factory.JournalResult, error) {
	result, err := f.Store.Write(ctx, batch)
	if err == nil && len(batch.Documents) > 0 {
		for _, s := range f.subscribers {
			if d, ok := s.(DocumentSubscriber); ok {
				d.DocumentsStored(ctx, batch.Documents)
			}
		}
	}
	return result, err
}

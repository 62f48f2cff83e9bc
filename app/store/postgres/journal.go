package postgres

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"
)

var errNoJournal = fmt.Errorf("the journal on PostgreSQL is not available in this build: %w", factory.ErrUnavailable)

// Write implements factory.Journal.
func (s *Store) Write(context.Context, factory.JournalBatch) (factory.JournalResult, error) {
	return factory.JournalResult{}, errNoJournal
}

// Document implements factory.Journal.
func (s *Store) Document(context.Context, factory.DocumentKind, string) (factory.Document, error) {
	return factory.Document{}, errNoJournal
}

// Documents implements factory.Journal.
func (s *Store) Documents(context.Context, factory.DocumentQuery) (factory.DocumentPage, error) {
	return factory.DocumentPage{}, errNoJournal
}

// Events implements factory.Journal.
func (s *Store) Events(context.Context, factory.EventQuery) (factory.EventPage, error) {
	return factory.EventPage{}, errNoJournal
}

// LatestEvents implements factory.Journal.
func (s *Store) LatestEvents(context.Context, factory.LatestEventQuery) ([]factory.Event, error) {
	return nil, errNoJournal
}

// EventsAfter implements factory.Journal.
func (s *Store) EventsAfter(context.Context, factory.LogQuery) ([]factory.Event, error) {
	return nil, errNoJournal
}

// LastSeq implements factory.Journal.
func (s *Store) LastSeq(context.Context) (int64, error) { return 0, errNoJournal }

// WaitEvents implements factory.Journal.
func (s *Store) WaitEvents(context.Context, int64) error { return errNoJournal }

package factory

import "context"

// Journal stores everything that is not a number: documents, which have versions,
// and events, which are only appended. All methods are safe for concurrent use.
// Their errors wrap the kinds of errors.go, as those of Store do.
type Journal interface {
	// Write stores the changes of documents and the events of one batch. Either all
	// of the batch is durable when Write returns nil, or nothing of it has happened.
	//
	// An event whose ID exists in its machine is not appended again: if Kind,
	// Subject, ObservedAt, Replaces and Data are equal, the result holds the earlier
	// event with Repeated set; otherwise the error wraps ErrConflict. The error also
	// wraps ErrConflict if another event already follows Follows or replaces
	// Replaces, ErrNotFound if the event that it replaces does not exist,
	// ErrPrecondition if a Match does not hold, and ErrInvalid if Data is too large
	// or is not a JSON object, or if its kind may not replace that of the other event. It is an *EntryError if one entry is the cause.
	//
	// ErrOverloaded and ErrUnavailable are defined as for Store.Append. The batch
	// needs to be valid only until Write returns.
	Write(ctx context.Context, batch JournalBatch) (JournalResult, error)

	// Document returns a document, or ErrNotFound.
	Document(ctx context.Context, kind DocumentKind, id string) (Document, error)

	// Documents returns documents of one kind in byte order of their ids. It returns
	// ErrInvalid for a cursor that the journal did not issue.
	Documents(ctx context.Context, q DocumentQuery) (DocumentPage, error)

	// Events returns the events in force, ordered by ObservedAt and then by Seq:
	// replaced events are omitted. It returns ErrInvalid for a cursor that the
	// journal did not issue.
	Events(ctx context.Context, q EventQuery) (EventPage, error)

	// LatestEvents returns the newest event in force of each machine and subject,
	// by ObservedAt and then by Seq, ordered by machine and subject.
	LatestEvents(ctx context.Context, q LatestEventQuery) ([]Event, error)

	// EventsAfter returns events with a greater Seq than after in order of Seq,
	// replaced ones included. Events become visible in that order, in every process
	// that uses the database: no event appears below a Seq that was returned.
	EventsAfter(ctx context.Context, q LogQuery) ([]Event, error)

	// LastSeq returns the Seq of the newest event, 0 if there is none.
	LastSeq(ctx context.Context) (int64, error)

	// WaitEvents returns nil as soon as an event with a greater Seq than after is
	// visible, or when it may be; the caller reads and waits again. It returns the
	// error of ctx when ctx ends first, and ErrUnavailable after Close.
	WaitEvents(ctx context.Context, after int64) error
}

// JournalBatch is a set of changes that happen together.
type JournalBatch struct {
	Documents []DocumentChange
	Events    []Event
}

// DocumentChange is the change of one document.
type DocumentChange struct {
	Kind DocumentKind
	ID   string
	// Match is the condition of the change.
	Match Match
	// Data is the new content; nil deletes the document. A change that changes
	// nothing keeps the version. Deleting a document that does not exist is
	// ErrNotFound.
	Data []byte
}

// JournalResult is the outcome of a Write.
type JournalResult struct {
	// Documents holds the documents as stored, in the order of the batch.
	Documents []WrittenDocument
	// Events holds the events as stored, in the order of the batch.
	Events []WrittenEvent
}

// WrittenDocument is the outcome of one DocumentChange.
type WrittenDocument struct {
	Document
	// Created reports that the document did not exist.
	Created bool
}

// WrittenEvent is the outcome of one Event.
type WrittenEvent struct {
	Event
	// Repeated reports that an earlier Write had appended the event.
	Repeated bool
}

// EntryError is the error of one entry of a batch.
type EntryError struct {
	// Document and Event are the index of the entry in the batch; the other one is
	// -1.
	Document, Event int
	Err             error
}

func (e *EntryError) Error() string { return e.Err.Error() }

func (e *EntryError) Unwrap() error { return e.Err }

// DocumentQuery selects documents.
type DocumentQuery struct {
	Kind DocumentKind
	// Prefix is the prefix of the id; "" selects all.
	Prefix string
	// Members selects documents by the text of members of Data: all of them must be
	// equal. A name is a member's path, such as "site" or "scope.line".
	Members map[string]string
	// Cursor is the NextCursor of the previous page, "" for the first page.
	Cursor string
	// Limit is the maximum number of documents, at least 1.
	Limit int
}

// DocumentPage is one page of documents.
type DocumentPage struct {
	Documents []Document
	// NextCursor is the cursor of the next page, "" on the last page.
	NextCursor string
}

// EventQuery selects events by time.
type EventQuery struct {
	// Machine selects the events of one machine; "" selects all events.
	Machine string
	// Kinds selects by kind, Subject by subject; empty selects all.
	Kinds   []EventKind
	Subject string
	// From (inclusive) and To (exclusive) limit ObservedAt in Unix milliseconds.
	// math.MinInt64 and math.MaxInt64 mean no limit.
	From, To int64
	// Descending returns the newest events first.
	Descending bool
	// Cursor is the NextCursor of the previous page, "" for the first page.
	Cursor string
	// Limit is the maximum number of events, at least 1.
	Limit int
}

// EventPage is one page of events.
type EventPage struct {
	Events []Event
	// NextCursor is the cursor of the next page, "" on the last page.
	NextCursor string
}

// LatestEventQuery selects the newest events of a kind.
type LatestEventQuery struct {
	Kind EventKind
	// Machine and Subject select one machine and one subject; "" selects all.
	Machine, Subject string
	// Before (exclusive) limits ObservedAt in Unix milliseconds; 0 means no limit.
	Before int64
}

// LogQuery selects events in the order in which they were accepted.
type LogQuery struct {
	// After is the greatest Seq that the caller knows, 0 for none.
	After int64
	// Machine selects the events of one machine; "" selects all events.
	Machine string
	// Kinds selects by kind; empty selects all.
	Kinds []EventKind
	// Limit is the maximum number of events, at least 1.
	Limit int
}

package sqlite

// Event is a message to the operator; see Options.OnEvent.
type Event struct {
	Kind EventKind
	// Err is the cause or the finding, if there is one.
	Err error
	// Bytes is the size of the database, for events about its size.
	Bytes int64
	// Points is the number of removed points, if known.
	Points uint64
}

// EventKind is the kind of an Event. Its text is a constant for the log.
type EventKind string

// The kinds of events.
const (
	// EventNearLimit: the database has reached nine tenths of MaxBytes. It is
	// reported again only after the size has dropped below that.
	EventNearLimit EventKind = "store nears its size limit"
	// EventEvicted: the oldest points were deleted because of MaxBytes. It is
	// reported at most once a minute; Points counts all since the last report.
	EventEvicted EventKind = "oldest points removed, size limit reached"
	// EventNothingToEvict: the database exceeds MaxBytes, but no chunk is left
	// to delete.
	EventNothingToEvict EventKind = "size limit exceeded, nothing left to remove"
	// EventDamaged: a chunk or a log row is damaged. It was moved to the table
	// quarantine.
	EventDamaged EventKind = "damaged part of the store set aside"
	// EventRestored: the database file or its write-ahead log was deleted
	// while the store was open. The store has written a new file with the full
	// content.
	EventRestored EventKind = "deleted database file written anew"
	// EventUnclean: the previous process did not close the store. An integrity
	// check runs in the background.
	EventUnclean EventKind = "store was not closed, checking it"
	// EventChecked: the integrity check is complete. Err is the first finding,
	// or nil.
	EventChecked EventKind = "store checked"
)

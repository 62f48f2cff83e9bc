package postgres

// Event reports a change that concerns an operator; see Options.OnEvent.
type Event struct {
	Kind EventKind
	// Err is the cause, if there is one.
	Err error
	// Bytes is the size of the tables, in events about the size.
	Bytes int64
	// Points is the number of points removed.
	Points uint64
}

// EventKind is the kind of an Event.
type EventKind string

// Kinds of events.
const (
	// EventLeading means that this replica has become the leader, which does the
	// maintenance for all replicas.
	EventLeading EventKind = "store leads"
	// EventFollowing means that this replica is no longer the leader. Err is the
	// cause.
	EventFollowing EventKind = "store leads no longer"
	// EventNearLimit means that the tables have reached nine tenths of MaxBytes.
	// It is not repeated until they have been smaller.
	EventNearLimit EventKind = "store nears its size limit"
	// EventEvicted means that the oldest partition was dropped because of
	// MaxBytes.
	EventEvicted EventKind = "oldest points removed, size limit reached"
	// EventNothingToEvict means that the tables exceed MaxBytes, but no partition
	// may be dropped.
	EventNothingToEvict EventKind = "size limit exceeded, nothing left to remove"
)

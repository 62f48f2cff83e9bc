package postgres

// Event is something that an operator wants to know; see Options.OnEvent.
type Event struct {
	Kind EventKind
	// Err says more, where there is more to say.
	Err error
	// Bytes is the size of the tables, for events of size.
	Bytes int64
	// Points are how many were removed.
	Points uint64
}

// EventKind tells events apart.
type EventKind string

// Kinds of events.
const (
	// EventLeading: this replica runs the timers from now on.
	EventLeading EventKind = "store leads"
	// EventFollowing: it does so no longer. Err is why.
	EventFollowing EventKind = "store leads no longer"
	// EventNearLimit: the tables have nine tenths of MaxBytes. It comes again
	// only after they had less.
	EventNearLimit EventKind = "store nears its size limit"
	// EventEvicted: the oldest partition was dropped because of MaxBytes.
	EventEvicted EventKind = "oldest points removed, size limit reached"
	// EventNothingToEvict: the tables have more than MaxBytes, but there is no
	// partition that could go.
	EventNothingToEvict EventKind = "size limit exceeded, nothing left to remove"
)

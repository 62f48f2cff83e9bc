package sqlite

// Event is something that an operator wants to know; see Options.OnEvent.
type Event struct {
	Kind EventKind
	// Err says more, where there is more to say.
	Err error
	// Bytes is the size of the files, for events of size.
	Bytes int64
	// Points are how many were removed or lost, where that is known.
	Points uint64
}

// EventKind tells events apart.
type EventKind string

// Kinds of events.
const (
	// EventNearLimit: the files have nine tenths of MaxBytes. It comes again
	// only after they had less.
	EventNearLimit EventKind = "store nears its size limit"
	// EventEvicted: the oldest points were removed because of MaxBytes. Points
	// counts those since the last such event; there is at most one a minute.
	EventEvicted EventKind = "oldest points removed, size limit reached"
	// EventNothingToEvict: the files have more than MaxBytes, but there are no
	// chunks that could go.
	EventNothingToEvict EventKind = "size limit exceeded, nothing left to remove"
	// EventDamaged: a part of the file was found damaged and set aside, in the
	// table quarantine where it was readable.
	EventDamaged EventKind = "damaged part of the store set aside"
	// EventRestored: the file, or its write-ahead log, was deleted while the
	// store had it open, and was written anew with all that was in it.
	EventRestored EventKind = "deleted database file written anew"
	// EventUnclean: the last stop was not an orderly one; the file is being
	// checked.
	EventUnclean EventKind = "store was not closed, checking it"
	// EventChecked: the check is done; Err is what it found, nil for nothing.
	EventChecked EventKind = "store checked"
)

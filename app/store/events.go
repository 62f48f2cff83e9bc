package store

// Event is a message to the operator about something other than a fault.
type Event struct {
	Kind EventKind
	// Err is the cause or the finding, if there is one.
	Err error
	// Bytes is the size of the stored data, for events about its size.
	Bytes int64
	// Points is the number of removed points, if known.
	Points uint64
}

// EventKind is the kind of an Event. Its text is a constant for the log.
type EventKind string

// The kinds of events of all engines. Engines define further kinds.
const (
	// EventNearLimit: the data has reached nine tenths of the size limit. It is
	// reported again only after the size has dropped below that.
	EventNearLimit EventKind = "store nears its size limit"
	// EventEvicted: the oldest points were deleted because of the size limit.
	EventEvicted EventKind = "oldest points removed, size limit reached"
	// EventNothingToEvict: the data exceeds the size limit, but nothing is left
	// that may be deleted.
	EventNothingToEvict EventKind = "size limit exceeded, nothing left to remove"
)

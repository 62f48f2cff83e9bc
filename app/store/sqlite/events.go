package sqlite

import "smart-factory-backend/app/store"

// The kinds of events besides those of all engines.
const (
	// EventDamaged: a chunk or a log row is damaged. It was moved to the table
	// quarantine.
	EventDamaged store.EventKind = "damaged part of the store set aside"
	// EventRestored: the database file or its write-ahead log was deleted while
	// the store was open. The store has written a new file with the full
	// content.
	EventRestored store.EventKind = "deleted database file written anew"
	// EventUnclean: the previous process did not close the store. An integrity
	// check runs in the background.
	EventUnclean store.EventKind = "store was not closed, checking it"
	// EventChecked: the integrity check is complete. Err is the first finding,
	// or nil.
	EventChecked store.EventKind = "store checked"
)

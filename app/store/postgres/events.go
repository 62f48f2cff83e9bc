package postgres

import "smart-factory-backend/app/store"

// The kinds of events besides those of all engines.
const (
	// EventLeading means that this replica has become the leader, which does the
	// maintenance for all replicas.
	EventLeading store.EventKind = "store leads"
	// EventFollowing means that this replica is no longer the leader. Err is the
	// cause.
	EventFollowing store.EventKind = "store leads no longer"
)

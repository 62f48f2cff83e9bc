package sqlite

import (
	"sync"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// request is one Append, one batch of the journal or one change of the registry, on
// its way through the committer.
type request struct {
	store.Request
	entries    []entry
	unresolved []unresolvedEntry
	epoch      int             // of the catalog, when the series were looked up
	batch      *journalWrite   // nil unless the request is a batch of the journal
	change     *registryChange // nil unless the request changes the registry
}

// Size implements store.Queueable.
func (r *request) Size() int {
	if r.batch != nil {
		return r.batch.size
	}
	return max(1, len(r.entries))
}

// entry is one reading of a request.
type entry struct {
	series *series // nil: unresolved, or rejected by the committer
	point  factory.Point
}

// unresolvedEntry is an entry whose series the committer has to look up or to
// register.
type unresolvedEntry struct {
	key
	index int // in the slice that the caller passed
	entry int // in request.entries
}

var requests = sync.Pool{New: func() any { return &request{Request: store.NewRequest()} }}

// maxPooledEntries limits the memory that a pooled request retains.
const maxPooledEntries = 1 << 14

// free returns r to the pool. The caller must hold the only reference.
func (r *request) free() {
	if cap(r.entries) > maxPooledEntries {
		return
	}
	clear(r.entries)
	clear(r.unresolved)
	r.entries, r.unresolved, r.Rejected = r.entries[:0], r.unresolved[:0], nil
	r.Sender = ""
	requests.Put(r)
}

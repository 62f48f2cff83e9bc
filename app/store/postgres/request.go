package postgres

import (
	"sync"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// request is one Append on its way through a committer.
type request struct {
	store.Request
	entries []entry
	version int64 // of the registry that entries were last resolved with
	// rejectedLate counts the entries that a committer has rejected.
	rejectedLate int
}

// Size implements store.Queueable.
func (r *request) Size() int { return len(r.entries) }

// entry is one reading of a request.
type entry struct {
	// series is nil once the reading is rejected. A series without an id is not
	// registered yet.
	series *series
	point  factory.Point
	index  int // in the slice that the caller passed
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
	r.entries, r.Rejected, r.rejectedLate = r.entries[:0], nil, 0
	r.Sender = ""
	requests.Put(r)
}

// rejectEntry rejects a reading that Append has accepted into the queue.
func (r *request) rejectEntry(e *entry, err error) {
	r.Reject(e.index, err)
	r.rejectedLate++
	e.series = nil
}

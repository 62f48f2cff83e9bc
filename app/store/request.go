package store

import (
	"cmp"
	"slices"

	"smart-factory-backend/app/factory"
)

// Request is the part of a queued Append that does not depend on the engine.
// Engines embed it and may reuse it after its outcome was received.
type Request struct {
	// Rejected are the readings that are not stored, in any order.
	Rejected []factory.Rejection
	// Sender is factory.Sender of the caller's context.
	Sender string

	done chan error // buffered, so that Finish does not block
}

// NewRequest returns a request without rejections.
func NewRequest() Request { return Request{done: make(chan error, 1)} }

// Reject refuses the reading with the given index in the caller's slice.
func (r *Request) Reject(index int, err error) {
	r.Rejected = append(r.Rejected, factory.Rejection{Index: index, Err: err})
}

// Finish delivers the outcome to the caller that waits in Submit; nil means
// that all readings that were not rejected are durable. It is called once.
func (r *Request) Finish(err error) { r.done <- err }

// Done implements Queueable.
func (r *Request) Done() <-chan error { return r.done }

// Result returns the answer to a successful Append of n readings.
func (r *Request) Result(n int) factory.AppendResult {
	slices.SortFunc(r.Rejected, func(a, b factory.Rejection) int { return cmp.Compare(a.Index, b.Index) })
	return factory.AppendResult{Accepted: n - len(r.Rejected), Rejected: r.Rejected}
}

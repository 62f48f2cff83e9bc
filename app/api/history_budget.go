package api

import (
	"bytes"
	"context"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"
)

const (
	// historyMaxWait is how long a request for history waits for memory.
	historyMaxWait = 5 * time.Second
	// smallResponse is the largest response whose memory is not reserved until
	// it is sent.
	smallResponse = 16 << 10
	// The most memory of a point, a bucket and an aggregate of a bucket, in the
	// page of the store and in the response together.
	pointMemory, bucketMemory, aggregateMemory = 80, 256, 32
)

// errHistoryBudget means that other requests use up the memory for history.
var errHistoryBudget = &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "too much history is requested at once"}

// historyBudget bounds the memory of all history requests: pages of the store,
// and responses until the client has received them. A request over the budget
// waits. It is safe for concurrent use.
type historyBudget struct {
	limit     int64
	available *semaphore.Weighted
	maxWait   time.Duration // historyMaxWait, except in tests
}

func newHistoryBudget(limit int64) *historyBudget {
	return &historyBudget{limit: limit, available: semaphore.NewWeighted(limit), maxWait: historyMaxWait}
}

// reserve waits for n bytes, or for the whole budget if n exceeds it. The caller
// releases them with shrink.
func (h *historyBudget) reserve(n int64) (*reservation, error) {
	ctx, cancel := context.WithTimeout(context.Background(), h.maxWait)
	defer cancel()
	n = min(n, h.limit)
	if h.available.Acquire(ctx, n) != nil {
		return nil, errHistoryBudget
	}
	return &reservation{budget: h, bytes: n}, nil
}

// reservation is memory that one request may use. It is not safe for concurrent
// use.
type reservation struct {
	budget *historyBudget
	bytes  int64
}

// shrink releases all but n bytes. It does nothing if less is reserved.
func (r *reservation) shrink(n int64) {
	if n < r.bytes {
		r.budget.available.Release(r.bytes - n)
		r.bytes = n
	}
}

// writeJSON responds with a JSON body and takes over the reservation: the body's
// memory is released once the client has received it.
func (r *reservation) writeJSON(ctx *fasthttp.RequestCtx, body []byte) {
	ctx.Response.Header.SetContentType("application/json")
	if len(body) <= smallResponse {
		ctx.SetBody(body)
		r.shrink(0)
		return
	}
	r.shrink(int64(cap(body)))
	ctx.Response.SetBodyStream(&reservedBody{Reader: bytes.NewReader(body), reservation: r}, len(body))
}

// reservedBody releases its reservation when fasthttp closes it: after the
// response is sent, or when the connection is gone.
type reservedBody struct {
	*bytes.Reader
	reservation *reservation
}

// Close implements io.Closer.
func (b *reservedBody) Close() error {
	b.reservation.shrink(0)
	return nil
}

// memoryBytes returns the most memory of the response, or of each page of a
// stream.
func (r *historyRequest) memoryBytes() int64 {
	switch {
	case r.points > 0:
		return maxHistoryPoints * pointMemory
	case r.aggregates != nil:
		return int64(r.limit) * int64(bucketMemory+aggregateMemory*len(r.aggregates))
	}
	return int64(r.limit) * pointMemory
}

package api

import (
	"bytes"
	"context"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"
)

const (
	// historyMaxWait is how long a request for history waits for its turn.
	historyMaxWait = 5 * time.Second
	// smallResponse is the largest answer that is not counted while it is sent.
	smallResponse = 16 << 10
	// What a point, a bucket and a figure of one take at most, in the page and
	// in the answer that is made of it.
	pointMemory, bucketMemory, aggregateMemory = 80, 256, 32
)

// errHistoryBudget: the memory for history is used up by other requests.
var errHistoryBudget = &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "too much history is asked for at once"}

// historyBudget bounds the memory of history: pages that are read and written, and
// answers until their clients have taken them. Who comes while it is used up
// waits.
type historyBudget struct {
	limit     int64
	available *semaphore.Weighted
	maxWait   time.Duration // answerWait, but for tests
}

func newHistoryBudget(limit int64) *historyBudget {
	return &historyBudget{limit: limit, available: semaphore.NewWeighted(limit), maxWait: historyMaxWait}
}

// reserve waits for n bytes, or for all there are if n is more.
func (a *historyBudget) reserve(n int64) (*reservation, error) {
	wait, cancel := context.WithTimeout(context.Background(), a.maxWait)
	defer cancel()
	n = min(n, a.limit)
	if a.available.Acquire(wait, n) != nil {
		return nil, errHistoryBudget
	}
	return &reservation{budget: a, bytes: n}, nil
}

// reservation is memory that one request may use. One goroutine at a time may
// use it.
type reservation struct {
	budget *historyBudget
	bytes  int64
}

// shrink gives back all but n bytes.
func (r *reservation) shrink(n int64) {
	if n < r.bytes {
		r.budget.available.Release(r.bytes - n)
		r.bytes = n
	}
}

// writeJSON sends a body of JSON and holds what it takes until the client has it.
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

// reservedBody gives its memory back when fasthttp closes it: after the response,
// or when there is nobody to send it to.
type reservedBody struct {
	*bytes.Reader
	reservation *reservation
}

// Close implements io.Closer.
func (b *reservedBody) Close() error {
	b.reservation.shrink(0)
	return nil
}

// memoryBytes is what the answer, or each page of a stream, may take.
func (r *historyRequest) memoryBytes() int64 {
	switch {
	case r.points > 0:
		return maxHistoryPoints * pointMemory
	case r.aggregates != nil:
		return int64(r.limit) * int64(bucketMemory+aggregateMemory*len(r.aggregates))
	}
	return int64(r.limit) * pointMemory
}

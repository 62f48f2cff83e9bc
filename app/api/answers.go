package api

import (
	"bytes"
	"context"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"
)

const (
	// answerWait is how long a request for history waits for its turn.
	answerWait = 5 * time.Second
	// smallAnswer is the largest answer that is not counted while it is sent.
	smallAnswer = 16 << 10
	// What a point, a bucket and a figure of one take at most, in the page and
	// in the answer that is made of it.
	pointMemory, bucketMemory, figureMemory = 80, 256, 32
)

// errMuchHistory: the memory for history is used up by other requests.
var errMuchHistory = &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "too much history is asked for at once"}

// answers bounds the memory of history: pages that are read and written, and
// answers until their clients have taken them. Who comes while it is used up
// waits.
type answers struct {
	limit int64
	room  *semaphore.Weighted
	wait  time.Duration // answerWait, but for tests
}

func newAnswers(limit int64) *answers {
	return &answers{limit: limit, room: semaphore.NewWeighted(limit), wait: answerWait}
}

// reserve waits for n bytes, or for all there are if n is more.
func (a *answers) reserve(n int64) (*reservation, error) {
	wait, cancel := context.WithTimeout(context.Background(), a.wait)
	defer cancel()
	n = min(n, a.limit)
	if a.room.Acquire(wait, n) != nil {
		return nil, errMuchHistory
	}
	return &reservation{of: a, held: n}, nil
}

// reservation is memory that one request may use. One goroutine at a time may
// use it.
type reservation struct {
	of   *answers
	held int64
}

// shrink gives back all but n bytes.
func (r *reservation) shrink(n int64) {
	if n < r.held {
		r.of.room.Release(r.held - n)
		r.held = n
	}
}

// send sends a body of JSON and holds what it takes until the client has it.
func (r *reservation) send(ctx *fasthttp.RequestCtx, body []byte) {
	ctx.Response.Header.SetContentType("application/json")
	if len(body) <= smallAnswer {
		ctx.SetBody(body)
		r.shrink(0)
		return
	}
	r.shrink(int64(cap(body)))
	ctx.Response.SetBodyStream(&heldBody{Reader: bytes.NewReader(body), memory: r}, len(body))
}

// heldBody gives its memory back when fasthttp closes it: after the response,
// or when there is nobody to send it to.
type heldBody struct {
	*bytes.Reader
	memory *reservation
}

// Close implements io.Closer.
func (b *heldBody) Close() error {
	b.memory.shrink(0)
	return nil
}

// memory is what the answer, or each page of a stream, may take.
func (r *historyRequest) memory() int64 {
	switch {
	case r.points > 0:
		return maxHistory * pointMemory
	case r.aggregates != nil:
		return int64(r.limit) * int64(bucketMemory+figureMemory*len(r.aggregates))
	}
	return int64(r.limit) * pointMemory
}

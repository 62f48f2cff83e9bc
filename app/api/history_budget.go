package api

import (
	"bytes"
	"context"
	"net/netip"
	"sync"
	"time"

	"smart-factory-backend/app/access"

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
// and responses until the client has received them. Large responses of one
// client network, and those of one API key, get half of it. A request over the
// budget or its share waits. It is safe for concurrent use.
type historyBudget struct {
	limit     int64
	available *semaphore.Weighted
	maxWait   time.Duration // historyMaxWait, except in tests

	mu     sync.Mutex
	shares map[any]*historyShare // by netip.Addr and by name of the key
}

// historyShare is what one client network or one API key may hold.
type historyShare struct {
	available *semaphore.Weighted
	users     int // requests that hold or wait for a part of it
}

func newHistoryBudget(limit int64) *historyBudget {
	return &historyBudget{limit: limit, available: semaphore.NewWeighted(limit), maxWait: historyMaxWait, shares: make(map[any]*historyShare)}
}

// reserve waits for n bytes for a client, or for the whole budget if n exceeds
// it. A client whose request exceeds its share waits for the whole share. The
// caller releases the bytes with shrink.
func (h *historyBudget) reserve(n int64, client netip.Addr, key string) (*reservation, error) {
	ctx, cancel := context.WithTimeout(context.Background(), h.maxWait)
	defer cancel()
	r := &reservation{budget: h}
	if n > smallResponse {
		owners := []any{access.ClientNetwork(client)}
		if key != "" {
			owners = append(owners, key)
		}
		for _, owner := range owners {
			if !h.acquireShare(ctx, owner, n) {
				r.releaseShares(n)
				return nil, errHistoryBudget
			}
			r.owners = append(r.owners, owner)
		}
	}
	if h.available.Acquire(ctx, min(n, h.limit)) != nil {
		r.releaseShares(n)
		return nil, errHistoryBudget
	}
	r.requested, r.bytes = n, min(n, h.limit)
	return r, nil
}

// share returns the most that one client may hold.
func (h *historyBudget) share() int64 { return max(1, h.limit/2) }

func (h *historyBudget) acquireShare(ctx context.Context, owner any, n int64) bool {
	h.mu.Lock()
	s := h.shares[owner]
	if s == nil {
		s = &historyShare{available: semaphore.NewWeighted(h.share())}
		h.shares[owner] = s
	}
	s.users++
	h.mu.Unlock()
	if s.available.Acquire(ctx, min(n, h.share())) != nil {
		h.leaveShare(owner, s)
		return false
	}
	return true
}

func (h *historyBudget) leaveShare(owner any, s *historyShare) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(h.shares, owner)
	}
}

func (h *historyBudget) shareOf(owner any) *historyShare {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shares[owner]
}

// reservation is memory that one request may use. It is not safe for concurrent
// use.
type reservation struct {
	budget    *historyBudget
	bytes     int64
	requested int64 // what the shares of the owners hold, if less than a share
	owners    []any
}

// shrink releases all but n bytes. It does nothing if less is reserved.
func (r *reservation) shrink(n int64) {
	if n < r.bytes {
		r.budget.available.Release(r.bytes - n)
		r.bytes = n
		if n == 0 {
			r.releaseShares(r.requested)
			return
		}
		for _, owner := range r.owners {
			held, keep := min(r.requested, r.budget.share()), min(n, r.budget.share())
			r.budget.shareOf(owner).available.Release(held - keep)
		}
		r.requested = n
	}
}

// releaseShares gives back what the reservation holds of its owners' shares, for
// a reservation of n bytes.
func (r *reservation) releaseShares(n int64) {
	for _, owner := range r.owners {
		s := r.budget.shareOf(owner)
		s.available.Release(min(n, r.budget.share()))
		r.budget.leaveShare(owner, s)
	}
	r.owners = nil
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

// memoryBytes returns the most memory of a page and its text.
func (r *historyRequest) memoryBytes() int64 {
	size := int64(min(r.limit, r.pageSize))
	switch {
	case r.points > 0:
		return maxHistoryPoints * pointMemory
	case r.aggregates != nil:
		return size * int64(bucketMemory+aggregateMemory*len(r.aggregates))
	}
	return size * pointMemory
}

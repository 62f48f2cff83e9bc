package cluster

import "sync"

// registry holds open connections, as a list that costs nothing to join.
type registry struct {
	mu    sync.Mutex
	first *conn
	n     int
	// done is the sum of the requests of the connections that have left.
	closedRequests uint64
}

func (r *registry) add(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.registry = r
	c.prev, c.next = nil, r.first
	if r.first != nil {
		r.first.prev = c
	}
	r.first = c
	r.n++
}

// remove takes c out and returns how many are left.
func (r *registry) remove(c *conn) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		r.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev, c.registry = nil, nil, nil
	r.n--
	r.closedRequests += c.requests.Load()
	return r.n
}

func (r *registry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// each calls f for every connection, under the lock: f must not block.
func (r *registry) each(f func(*conn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := r.first; c != nil; c = c.next {
		f(c)
	}
}

// count returns how many connections are open, how many of them are in their
// handler, and how many requests all that ever were here have made.
func (r *registry) count() (open, busy int, requests uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	requests = r.closedRequests
	for c := r.first; c != nil; c = c.next {
		requests += c.requests.Load()
		if c.busy.Load() != 0 {
			busy++
		}
	}
	return r.n, busy, requests
}

package cluster

import "sync"

// registry is a set of open connections. It is a linked list, so that adding
// one allocates nothing.
type registry struct {
	mu    sync.Mutex
	first *conn
	n     int
	// closedRequests counts the requests of the connections that were removed.
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

// remove removes c and returns how many connections are left.
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

// each calls f for every connection while it holds the lock: f must not block.
func (r *registry) each(f func(*conn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := r.first; c != nil; c = c.next {
		f(c)
	}
}

// cutAll cuts off every connection and returns how many there are.
func (r *registry) cutAll() (n int) {
	r.each(func(c *conn) {
		c.cut()
		n++
	})
	return n
}

// count returns the number of open connections, of those in their handler, and
// of requests on all connections that were ever in the registry.
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

package sqlite

import (
	"context"
	"errors"
	"time"
)

// readPoolSize is the number of connections for queries; further queries wait.
// Each connection has up to 2 MiB of page cache.
const readPoolSize = 4

// readPool is a pool of read connections that are opened on demand. It prefers
// an open connection to a new one, since an open one can still read a deleted
// file.
type readPool struct {
	file     *databaseFile
	open     chan *conn
	unopened chan struct{} // one token for each connection that is not open
}

func newReadPool(file *databaseFile) *readPool {
	r := &readPool{file: file, open: make(chan *conn, readPoolSize), unopened: make(chan struct{}, readPoolSize)}
	r.refill()
	return r
}

// get waits for a connection. The caller returns it with put.
func (r *readPool) get(ctx context.Context) (*conn, error) {
	select {
	case c := <-r.open:
		return c, nil
	default:
	}
	select {
	case c := <-r.open:
		return c, nil
	case <-r.unopened:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := openReader(r.file)
	if err != nil {
		r.unopened <- struct{}{}
		return nil, err
	}
	return c, nil
}

// put returns c. If a query has failed, c is closed and replaced on demand.
func (r *readPool) put(c *conn, failed bool) {
	if failed {
		_ = c.close()
		r.unopened <- struct{}{}
		return
	}
	r.open <- c
}

// drain waits until all connections are returned and closes them; get then
// blocks until refill. If that takes longer than within, drain changes nothing
// and returns false.
func (r *readPool) drain(within time.Duration) bool {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	var taken []*conn
	for n := range readPoolSize {
		select {
		case c := <-r.open:
			taken = append(taken, c)
		case <-r.unopened:
		case <-timeout.C:
			for _, c := range taken {
				r.open <- c
			}
			for range n - len(taken) {
				r.unopened <- struct{}{}
			}
			return false
		}
	}
	for _, c := range taken {
		_ = c.close()
	}
	return true
}

// refill makes the pool usable again after drain.
func (r *readPool) refill() {
	for range readPoolSize {
		r.unopened <- struct{}{}
	}
}

// close waits until all connections are returned and closes them for good.
func (r *readPool) close() error {
	var errs []error
	for range readPoolSize {
		select {
		case c := <-r.open:
			errs = append(errs, c.close())
		case <-r.unopened:
		}
	}
	return errors.Join(errs...)
}

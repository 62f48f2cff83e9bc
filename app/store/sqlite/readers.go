package sqlite

import (
	"context"
	"errors"
)

// readerCount is the number of connections for History; a query waits for a
// free one. Each takes up to 2 MiB of page cache.
const readerCount = 4

// readers is a pool of read connections, opened when first needed.
type readers struct {
	path  string
	slots chan *conn // nil: a slot whose connection is not open
}

func newReaders(path string) *readers {
	r := &readers{path: path, slots: make(chan *conn, readerCount)}
	for range readerCount {
		r.slots <- nil
	}
	return r
}

// take waits for a connection. The caller gives it back with put.
func (r *readers) take(ctx context.Context) (*conn, error) {
	select {
	case c := <-r.slots:
		if c != nil {
			return c, nil
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := openReader(r.path)
	if err != nil {
		r.slots <- nil
		return nil, err
	}
	return c, nil
}

// put gives c back. After a failed query it is closed and replaced when next
// needed.
func (r *readers) put(c *conn, failed bool) {
	if failed {
		_ = c.close()
		c = nil
	}
	r.slots <- c
}

// close waits for the connections that are in use and closes all. The pool is
// of no use afterwards.
func (r *readers) close() error {
	var errs []error
	for range readerCount {
		if c := <-r.slots; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(errs...)
}

// openReader opens path for reading only.
func openReader(path string) (*conn, error) {
	c, err := openConn(path)
	if err != nil {
		return nil, err
	}
	for _, pragma := range []string{"PRAGMA query_only = ON", "PRAGMA busy_timeout = 5000"} {
		if err := c.once(pragma); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

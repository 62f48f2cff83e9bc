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
	file  *dbFile
	slots chan *conn // nil: a slot whose connection is not open
}

func newReaders(file *dbFile) *readers {
	r := &readers{file: file, slots: make(chan *conn, readerCount)}
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
	c, err := openReader(r.file)
	if err != nil {
		return r.takeOpen(err)
	}
	return c, nil
}

// takeOpen gives a slot back that could not be filled, because of err, and
// takes one with an open connection if there is any: it may still read a file
// that cannot be opened any more.
func (r *readers) takeOpen(err error) (*conn, error) {
	r.slots <- nil
	for range readerCount {
		select {
		case c := <-r.slots:
			if c != nil {
				return c, nil
			}
			r.slots <- nil
		default:
		}
	}
	return nil, err
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

// openReader opens the database file for reading only.
func openReader(file *dbFile) (*conn, error) {
	c, err := openConn(file)
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

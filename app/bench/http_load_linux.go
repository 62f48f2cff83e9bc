package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// drainTimeout limits how long the last responses may take after the load.
	drainTimeout = 30 * time.Second
	// maxFailures ends a load that keeps failing.
	maxFailures = 1000
)

// httpLoad describes one run of the load generator.
type httpLoad struct {
	address netip.AddrPort
	// clients send one request after another, each on its own connection.
	clients int
	// newConnections uses a new connection for each request. The server must
	// close it.
	newConnections bool
	// request appends the next request to dst.
	request func(dst []byte) []byte
	// check returns an error for a wrong response.
	check func(response) error
}

// loadResult is the result of a load.
type loadResult struct {
	requests int
	// failures counts failed requests by kind. They are not in requests.
	failures map[string]int
	elapsed  time.Duration
	// latency covers the counted requests.
	latency latencies
}

// loadGenerator drives all connections of a load from one thread by epoll. A
// request costs it one write, one read and a share of one wait, which is less than
// any server needs.
type loadGenerator struct {
	httpLoad
	epoll    int
	conns    []conn
	buffer   []byte
	result   loadResult
	failures int
	stop     bool
}

// conn is one client and its connection.
type conn struct {
	fd   int
	out  []byte
	sent int
	in   []byte
	// writing is set while epoll waits for the socket to be writable.
	writing bool
	// responded is set while only the end of the stream is expected.
	responded bool
	started   time.Time
}

// run sends requests for d, waits for the last responses, and closes all
// connections.
func (l httpLoad) run(ctx context.Context, d time.Duration) (loadResult, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return loadResult{}, err
	}
	defer unix.Close(epoll)
	lp := &loadGenerator{httpLoad: l, epoll: epoll, conns: make([]conn, l.clients), buffer: make([]byte, 64<<10)}
	lp.result = loadResult{failures: make(map[string]int), latency: newLatencies()}
	defer lp.close()
	begin := time.Now()
	for i := range lp.conns {
		lp.conns[i].fd = -1
	}
	for i := range lp.conns {
		lp.sendNext(i)
	}
	if err := lp.serve(ctx, begin.Add(d)); err != nil {
		return loadResult{}, err
	}
	lp.result.elapsed = time.Since(begin)
	return lp.result, nil
}

// serve handles events until the time is over and all requests have a response.
func (l *loadGenerator) serve(ctx context.Context, end time.Time) error {
	events := make([]unix.EpollEvent, len(l.conns))
	for {
		n, err := unix.EpollWait(l.epoll, events, 50)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		now := time.Now()
		l.stop = l.stop || !now.Before(end)
		for _, event := range events[:max(n, 0)] {
			l.handleEvent(int(event.Fd), now)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case l.failures > maxFailures:
			return fmt.Errorf("more than %d requests failed: %v", maxFailures, l.result.failures)
		case !l.stop:
			continue
		}
		open := l.waiting()
		if open > 0 && now.Sub(end) > drainTimeout {
			l.result.failures["no response"] += open
			return nil
		}
		if open == 0 {
			return nil
		}
	}
}

// waiting counts the connections that wait for a response.
func (l *loadGenerator) waiting() int {
	n := 0
	for i := range l.conns {
		if l.conns[i].fd >= 0 && len(l.conns[i].out) > 0 {
			n++
		}
	}
	return n
}

// handleEvent handles an epoll event of the i-th connection.
func (l *loadGenerator) handleEvent(i int, now time.Time) {
	c := &l.conns[i]
	if c.fd < 0 {
		return
	}
	if c.writing {
		l.write(i)
		return
	}
	n, err := unix.Read(c.fd, l.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case err != nil:
		l.fail(i, err.Error())
	case n == 0 && c.responded:
		l.done(i, now)
	case n == 0:
		l.fail(i, "connection closed early")
	case c.responded || len(c.out) == 0:
		l.fail(i, "unexpected data")
	default:
		l.parse(i, l.buffer[:n], now)
	}
}

// parse handles the received bytes of the i-th connection.
func (l *loadGenerator) parse(i int, part []byte, now time.Time) {
	c := &l.conns[i]
	if len(c.in) > 0 {
		c.in = append(c.in, part...)
		part = c.in
	}
	got, whole, err := parseResponse(part)
	switch {
	case err != nil:
		l.fail(i, err.Error())
	case !whole && len(c.in) == 0:
		c.in = append(c.in, part...)
	case !whole:
	case got.size != len(part):
		l.fail(i, "unexpected data")
	default:
		if err := l.check(got); err != nil {
			l.fail(i, err.Error())
			return
		}
		if c.responded = l.newConnections; !l.newConnections {
			l.done(i, now)
		}
	}
}

// done counts a request and sends the next one.
func (l *loadGenerator) done(i int, now time.Time) {
	l.result.requests++
	l.result.latency.add(now.Sub(l.conns[i].started))
	if l.newConnections {
		l.closeConn(i)
	}
	l.sendNext(i)
}

// fail counts a failed request and sends the next one on a new connection.
func (l *loadGenerator) fail(i int, kind string) {
	l.failures++
	l.result.failures[kind]++
	l.closeConn(i)
	if l.failures <= maxFailures {
		l.sendNext(i)
	}
}

// closeConn closes the i-th connection if it is open.
func (l *loadGenerator) closeConn(i int) {
	if c := &l.conns[i]; c.fd >= 0 {
		_ = unix.Close(c.fd)
		c.fd = -1
	}
}

func (l *loadGenerator) close() {
	for i := range l.conns {
		l.closeConn(i)
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// openTime is how long it may take until all clients stand, and openAtOnce
	// how many of them are on their way at a time.
	openTime   = 2 * time.Minute
	openAtOnce = 100
	// perSource is how many clients share an address of theirs: 127.0.0.1,
	// 127.0.0.2 and so on, so that no port runs out.
	perSource = 5000
	// maxClients is how many clients there may be.
	maxClients = 200 * perSource
)

// crowd is a number of WebSocket clients, driven from one thread by epoll. One
// that waits has a descriptor here and nothing else.
type crowd struct {
	address netip.AddrPort
	// got is told each tag that arrives at a client.
	got func(client int, id uint64, now time.Time) error

	epoll   int
	clients []member
	opened  int // how many have begun to connect
	ready   int // how many of these may send
	buffer  []byte
	scratch []byte
	events  []unix.EpollEvent
}

// member is one client of a crowd.
type member struct {
	dialect *dialect

	fd    int
	state uint8
	// in has arrived and is incomplete; out has to wait for room.
	in, out []byte
}

// The states of a client.
const (
	absent = iota
	shaking
	greeting
	standing
)

// newCrowd makes a crowd without clients.
func newCrowd(address netip.AddrPort) (*crowd, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &crowd{
		address: address, epoll: epoll, buffer: make([]byte, 2*maxFrame), events: make([]unix.EpollEvent, 1024),
		got: func(int, uint64, time.Time) error { return errUnasked },
	}, nil
}

var errUnasked = errors.New("a message that nobody asked for")

// add adds n clients that speak a dialect; open connects them.
func (c *crowd) add(n int, d dialect) {
	for range n {
		c.clients = append(c.clients, member{dialect: &d})
	}
}

// close drops all connections.
func (c *crowd) close() {
	for i := range c.clients {
		if c.clients[i].state != absent {
			_ = unix.Close(c.clients[i].fd)
		}
	}
	_ = unix.Close(c.epoll)
}

// open connects the clients and waits until all of them stand.
func (c *crowd) open(ctx context.Context) error {
	end := time.Now().Add(openTime)
	return c.serve(ctx, func(now time.Time) (time.Duration, error) {
		for c.opened < len(c.clients) && c.opened-c.ready < openAtOnce {
			if err := c.connect(c.opened); err != nil {
				return 0, err
			}
		}
		switch {
		case c.ready == len(c.clients):
			return 0, errDone
		case now.After(end):
			return 0, fmt.Errorf("%d of %d clients stand after %v", c.ready, len(c.clients), openTime)
		}
		return 50 * time.Millisecond, nil
	})
}

// errDone ends serve in order.
var errDone = errors.New("done")

// serve handles what arrives until turn returns an error; errDone is none.
// Before each wait, turn says how long that may last at most.
func (c *crowd) serve(ctx context.Context, turn func(now time.Time) (time.Duration, error)) error {
	for {
		wait, err := turn(time.Now())
		switch {
		case errors.Is(err, errDone):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		// Rounded up: a wait cut short would be a busy one.
		n, err := unix.EpollWait(c.epoll, c.events, int((wait+time.Millisecond-1)/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, event := range c.events[:max(n, 0)] {
			if err := c.handle(int(event.Fd), event.Events); err != nil {
				return fmt.Errorf("client %d: %w", event.Fd, err)
			}
		}
	}
}

// connect begins the i-th client's connection.
func (c *crowd) connect(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.opened++
	m := &c.clients[i]
	m.fd, m.state = fd, shaking
	// The port is chosen when the peer is known: one serves for many peers.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + i/perSource)}}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	to := unix.SockaddrInet4{Addr: c.address.Addr().As4(), Port: int(c.address.Port())}
	if err := unix.Connect(fd, &to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	m.out = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", m.dialect.path)
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT, Fd: int32(i)}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &event)
}

// handle goes on with the i-th client after epoll reported it.
func (c *crowd) handle(i int, events uint32) error {
	m := &c.clients[i]
	if events&unix.EPOLLOUT != 0 {
		if err := c.flush(i); err != nil {
			return err
		}
	}
	if events&^unix.EPOLLOUT == 0 {
		return nil
	}
	kept := copy(c.buffer, m.in)
	n, err := unix.Read(m.fd, c.buffer[kept:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return errors.New("the server ended the connection")
	}
	rest, err := c.take(i, c.buffer[:kept+n], time.Now())
	if err != nil {
		return err
	}
	if m.in = append(m.in[:0], rest...); len(rest) == 0 {
		m.in = nil
	}
	return nil
}

// take handles what has arrived and returns what is incomplete.
func (c *crowd) take(i int, raw []byte, now time.Time) ([]byte, error) {
	if c.clients[i].state == shaking {
		head, rest, whole := bytes.Cut(raw, []byte("\r\n\r\n"))
		if !whole {
			return raw, nil
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
			return nil, fmt.Errorf("the handshake was answered with %.200q", raw)
		}
		raw = rest
		if err := c.shaken(i); err != nil {
			return nil, err
		}
	}
	for {
		op, payload, size, err := parseFrame(raw)
		switch {
		case err != nil:
			return nil, err
		case size == 0:
			return raw, nil
		}
		raw = raw[size:]
		if err := c.frame(i, op, payload, now); err != nil {
			return nil, err
		}
	}
}

// shaken begins to speak once the handshake is through.
func (c *crowd) shaken(i int) error {
	m := &c.clients[i]
	m.state = greeting
	if m.dialect.hear == nil {
		c.stands(i)
	}
	if m.dialect.greet == "" {
		return nil
	}
	return c.say(i, m.dialect.greet)
}

func (c *crowd) stands(i int) {
	if c.clients[i].state == greeting {
		c.clients[i].state = standing
		c.ready++
	}
}

// frame handles a frame from the server.
func (c *crowd) frame(i int, op byte, payload []byte, now time.Time) error {
	switch op {
	case opPing:
		c.scratch = appendFrame(c.scratch[:0], opPong, payload)
		return c.send(i, c.scratch)
	case opClose:
		return fmt.Errorf("the server closed it: %q", payload)
	case opPong:
		return nil
	}
	tagged := false
	for text := payload; ; tagged = true {
		id, rest, found := nextTag(text)
		if !found {
			break
		}
		if err := c.got(i, id, now); err != nil {
			return err
		}
		text = rest
	}
	hear := c.clients[i].dialect.hear
	if tagged || hear == nil {
		return nil
	}
	reply, ready := hear(payload)
	if ready {
		c.stands(i)
	}
	if reply == "" {
		return nil
	}
	return c.say(i, reply)
}

// say sends a text.
func (c *crowd) say(i int, text string) error {
	c.scratch = appendFrame(c.scratch[:0], opText, []byte(text))
	return c.send(i, c.scratch)
}

// post sends the message that write makes for id.
func (c *crowd) post(i int, write func(dst []byte, id uint64) []byte, id uint64) error {
	var room [512]byte
	c.scratch = appendFrame(c.scratch[:0], opText, write(room[:0], id))
	return c.send(i, c.scratch)
}

// send writes bytes, or keeps what does not fit until there is room.
func (c *crowd) send(i int, raw []byte) error {
	m := &c.clients[i]
	if len(m.out) == 0 {
		n, err := unix.Write(m.fd, raw)
		switch {
		case err == nil:
			raw = raw[n:]
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		default:
			return fmt.Errorf("write: %w", err)
		}
		if len(raw) == 0 {
			return nil
		}
	}
	m.out = append(m.out, raw...)
	return c.watch(i, unix.EPOLLIN|unix.EPOLLOUT)
}

// flush writes what waits for room.
func (c *crowd) flush(i int) error {
	m := &c.clients[i]
	for len(m.out) > 0 {
		n, err := unix.Write(m.fd, m.out)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("write: %w", err)
		default:
			m.out = m.out[n:]
		}
	}
	m.out = nil
	return c.watch(i, unix.EPOLLIN)
}

func (c *crowd) watch(i int, events uint32) error {
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_MOD, c.clients[i].fd, &unix.EpollEvent{Events: events, Fd: int32(i)})
}

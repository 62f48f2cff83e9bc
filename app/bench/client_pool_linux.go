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
	connectTimeout = 2 * time.Minute
	maxConnecting  = 100
	// perSource is how many clients share an address of theirs: 127.0.0.1,
	// 127.0.0.2 and so on, so that no port runs out.
	clientsPerAddress = 5000
	// maxClients is how many clients there may be.
	maxClients = 200 * clientsPerAddress
)

// crowd is a number of WebSocket clients, driven from one thread by epoll. One
// that waits has a descriptor here and nothing else.
type clientPool struct {
	address netip.AddrPort
	// got is told each tag that arrives at a client.
	onMessage func(client int, id uint64, now time.Time) error

	epoll   int
	clients []client
	started int // how many have begun to connect
	ready   int // how many of these may send
	buffer  []byte
	scratch []byte
	events  []unix.EpollEvent
}

// member is one client of a crowd.
type client struct {
	protocol *protocol

	fd    int
	state uint8
	// in has arrived and is incomplete; out has to wait for room.
	in, out []byte
}

// The states of a client.
const (
	unconnected = iota
	handshaking
	joining
	ready
)

// newCrowd makes a crowd without clients.
func newClientPool(address netip.AddrPort) (*clientPool, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &clientPool{
		address: address, epoll: epoll, buffer: make([]byte, 2*maxFrame), events: make([]unix.EpollEvent, 1024),
		onMessage: func(int, uint64, time.Time) error { return errUnexpectedMessage },
	}, nil
}

var errUnexpectedMessage = errors.New("a message that nobody asked for")

// add adds n clients that speak a dialect; open connects them.
func (c *clientPool) add(n int, d protocol) {
	for range n {
		c.clients = append(c.clients, client{protocol: &d})
	}
}

// close drops all connections.
func (c *clientPool) close() {
	for i := range c.clients {
		if c.clients[i].state != unconnected {
			_ = unix.Close(c.clients[i].fd)
		}
	}
	_ = unix.Close(c.epoll)
}

// open connects the clients and waits until all of them stand.
func (c *clientPool) connectAll(ctx context.Context) error {
	end := time.Now().Add(connectTimeout)
	return c.run(ctx, func(now time.Time) (time.Duration, error) {
		for c.started < len(c.clients) && c.started-c.ready < maxConnecting {
			if err := c.connect(c.started); err != nil {
				return 0, err
			}
		}
		switch {
		case c.ready == len(c.clients):
			return 0, errDone
		case now.After(end):
			return 0, fmt.Errorf("%d of %d clients stand after %v", c.ready, len(c.clients), connectTimeout)
		}
		return 50 * time.Millisecond, nil
	})
}

// errDone ends serve in order.
var errDone = errors.New("done")

// serve handles what arrives until turn returns an error; errDone is none.
// Before each wait, turn says how long that may last at most.
func (c *clientPool) run(ctx context.Context, turn func(now time.Time) (time.Duration, error)) error {
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
			if err := c.handleEvent(int(event.Fd), event.Events); err != nil {
				return fmt.Errorf("client %d: %w", event.Fd, err)
			}
		}
	}
}

// connect begins the i-th client's connection.
func (c *clientPool) connect(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.started++
	m := &c.clients[i]
	m.fd, m.state = fd, handshaking
	// The port is chosen when the peer is known: one serves for many peers.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + i/clientsPerAddress)}}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	to := unix.SockaddrInet4{Addr: c.address.Addr().As4(), Port: int(c.address.Port())}
	if err := unix.Connect(fd, &to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	m.out = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", m.protocol.path)
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT, Fd: int32(i)}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &event)
}

// handle goes on with the i-th client after epoll reported it.
func (c *clientPool) handleEvent(i int, events uint32) error {
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
	rest, err := c.parse(i, c.buffer[:kept+n], time.Now())
	if err != nil {
		return err
	}
	if m.in = append(m.in[:0], rest...); len(rest) == 0 {
		m.in = nil
	}
	return nil
}

// take handles what has arrived and returns what is incomplete.
func (c *clientPool) parse(i int, raw []byte, now time.Time) ([]byte, error) {
	if c.clients[i].state == handshaking {
		head, rest, whole := bytes.Cut(raw, []byte("\r\n\r\n"))
		if !whole {
			return raw, nil
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
			return nil, fmt.Errorf("the handshake was answered with %.200q", raw)
		}
		raw = rest
		if err := c.handshakeDone(i); err != nil {
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
		if err := c.handleFrame(i, op, payload, now); err != nil {
			return nil, err
		}
	}
}

// shaken begins to speak once the handshake is through.
func (c *clientPool) handshakeDone(i int) error {
	m := &c.clients[i]
	m.state = joining
	if m.protocol.receive == nil {
		c.markReady(i)
	}
	if m.protocol.greeting == "" {
		return nil
	}
	return c.sendText(i, m.protocol.greeting)
}

func (c *clientPool) markReady(i int) {
	if c.clients[i].state == joining {
		c.clients[i].state = ready
		c.ready++
	}
}

// frame handles a frame from the server.
func (c *clientPool) handleFrame(i int, op byte, payload []byte, now time.Time) error {
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
		if err := c.onMessage(i, id, now); err != nil {
			return err
		}
		text = rest
	}
	hear := c.clients[i].protocol.receive
	if tagged || hear == nil {
		return nil
	}
	reply, ready := hear(payload)
	if ready {
		c.markReady(i)
	}
	if reply == "" {
		return nil
	}
	return c.sendText(i, reply)
}

// say sends a text.
func (c *clientPool) sendText(i int, text string) error {
	c.scratch = appendFrame(c.scratch[:0], opText, []byte(text))
	return c.send(i, c.scratch)
}

// post sends the message that write makes for id.
func (c *clientPool) sendMessage(i int, write func(dst []byte, id uint64) []byte, id uint64) error {
	var room [512]byte
	c.scratch = appendFrame(c.scratch[:0], opText, write(room[:0], id))
	return c.send(i, c.scratch)
}

// send writes bytes, or keeps what does not fit until there is room.
func (c *clientPool) send(i int, raw []byte) error {
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
func (c *clientPool) flush(i int) error {
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

func (c *clientPool) watch(i int, events uint32) error {
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_MOD, c.clients[i].fd, &unix.EpollEvent{Events: events, Fd: int32(i)})
}

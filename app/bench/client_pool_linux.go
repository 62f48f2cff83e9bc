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
	// connectTimeout limits how long connecting all clients may take, and
	// maxConnecting how many connect concurrently.
	connectTimeout = 2 * time.Minute
	maxConnecting  = 100
	// clientsPerAddress is how many clients share a local address (127.0.0.1,
	// 127.0.0.2 and so on), so that the ports suffice.
	clientsPerAddress = 5000
	// maxClients is the largest number of clients.
	maxClients = 200 * clientsPerAddress
)

// clientPool drives WebSocket clients from one thread by epoll. An idle client
// takes a descriptor and no buffer. It is not safe for concurrent use.
type clientPool struct {
	address netip.AddrPort
	// onMessage is called for each tag that a client receives. Its error ends
	// run.
	onMessage func(client int, id uint64, now time.Time) error

	epoll   int
	clients []client
	started int // clients that have started to connect
	ready   int // clients that may send
	buffer  []byte
	scratch []byte
	events  []unix.EpollEvent
}

// client is one WebSocket client of a clientPool.
type client struct {
	protocol *protocol

	fd    int
	state uint8
	// in is an incomplete frame, out what the socket buffer had no room for.
	in, out []byte
}

// The states of a client.
const (
	unconnected = iota
	handshaking
	joining
	ready
)

// newClientPool returns a pool without clients. The caller closes it.
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

var errUnexpectedMessage = errors.New("unexpected message")

// add adds n clients; connectAll connects them.
func (c *clientPool) add(n int, p protocol) {
	for range n {
		c.clients = append(c.clients, client{protocol: &p})
	}
}

// close closes all connections.
func (c *clientPool) close() {
	for i := range c.clients {
		if c.clients[i].state != unconnected {
			_ = unix.Close(c.clients[i].fd)
		}
	}
	_ = unix.Close(c.epoll)
}

// connectAll connects the clients and waits until all of them are ready.
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
			return 0, fmt.Errorf("%d of %d clients are ready after %v", c.ready, len(c.clients), connectTimeout)
		}
		return 50 * time.Millisecond, nil
	})
}

// errDone makes run return nil.
var errDone = errors.New("done")

// run handles events until next or a client fails, or ctx ends. It calls next
// before each wait; next returns the longest time to wait, or errDone to end run
// without an error.
func (c *clientPool) run(ctx context.Context, next func(now time.Time) (time.Duration, error)) error {
	for {
		wait, err := next(time.Now())
		switch {
		case errors.Is(err, errDone):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		// Rounded up, because a timeout of 0 would busy-wait.
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

// connect starts to connect the i-th client.
func (c *clientPool) connect(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.started++
	m := &c.clients[i]
	m.fd, m.state = fd, handshaking
	// Let connect choose the port: several destinations can then share one.
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

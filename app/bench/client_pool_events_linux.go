package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// handleEvent handles an epoll event of the i-th client.
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
		return errors.New("the server closed the connection")
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

// parse handles the received bytes and returns an incomplete rest.
func (c *clientPool) parse(i int, raw []byte, now time.Time) ([]byte, error) {
	if c.clients[i].state == handshaking {
		head, rest, whole := bytes.Cut(raw, []byte("\r\n\r\n"))
		if !whole {
			return raw, nil
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
			return nil, fmt.Errorf("unexpected response to the handshake: %.200q", raw)
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

// handshakeDone sends the greeting of the protocol after the handshake.
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

// handleFrame handles a frame from the server.
func (c *clientPool) handleFrame(i int, op byte, payload []byte, now time.Time) error {
	switch op {
	case opPing:
		c.scratch = appendFrame(c.scratch[:0], opPong, payload)
		return c.send(i, c.scratch)
	case opClose:
		return fmt.Errorf("the server sent a close frame: %q", payload)
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
	receive := c.clients[i].protocol.receive
	if tagged || receive == nil {
		return nil
	}
	reply, ready := receive(payload)
	if ready {
		c.markReady(i)
	}
	if reply == "" {
		return nil
	}
	return c.sendText(i, reply)
}

// sendText sends a text message.
func (c *clientPool) sendText(i int, text string) error {
	c.scratch = appendFrame(c.scratch[:0], opText, []byte(text))
	return c.send(i, c.scratch)
}

// sendMessage sends the message that encode appends for id.
func (c *clientPool) sendMessage(i int, encode func(dst []byte, id uint64) []byte, id uint64) error {
	var buf [512]byte
	c.scratch = appendFrame(c.scratch[:0], opText, encode(buf[:0], id))
	return c.send(i, c.scratch)
}

// send writes raw, and buffers what does not fit into the socket buffer.
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

// flush writes the buffered bytes.
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

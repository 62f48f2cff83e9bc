package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"
)

// client is the state that the sockets of one Engine.IO session share. It is
// the engineio.Receiver of the session.
type client struct {
	server  *Server
	session *engineio.Session

	// partial is owned by the receiving goroutine.
	partial *partialPacket

	// runningQueues counts the goroutines that run event queues of the
	// client's sockets, including disconnected ones.
	runningQueues atomic.Int32

	mu           sync.Mutex
	sockets      []*Socket        // a slice: most clients have one
	connectTimer *eventloop.Timer // nil while a namespace is joined
	connects     int              // CONNECT packets while connectTimer runs
	closed       bool
}

// Message handles a message of the session.
func (c *client) Message(data []byte, binary bool) {
	if err := c.decodeMessage(data, binary); err != nil {
		c.closeSession(ParseError)
	}
}

func (c *client) decodeMessage(data []byte, binary bool) error {
	if binary {
		return c.addAttachment(data)
	}
	if c.partial != nil {
		return errors.New("text instead of an attachment")
	}
	p, err := parsePacket(data, c.server.options.MaxAttachments)
	if err != nil {
		return err
	}
	if p.attachments > 0 {
		c.partial = newPartialPacket(p)
		c.chargePartial(len(p.data) + len(p.namespace))
		return nil
	}
	c.handlePacket(&p, nil)
	return nil
}

func (c *client) addAttachment(data []byte) error {
	if c.partial == nil {
		return errors.New("attachment without a packet")
	}
	o := &c.server.options
	if c.server.attachmentBytes.Add(int64(len(data))) > int64(o.MaxPendingAttachmentBytes) {
		c.server.attachmentBytes.Add(int64(-len(data)))
		return errors.New("too many pending attachments")
	}
	c.chargePartial(len(data))
	complete, err := c.partial.add(data, o.MaxAttachmentBytes)
	if err != nil || !complete {
		return err
	}
	whole := c.partial
	c.discardPartial()
	c.handlePacket(&whole.packet, whole.attachments)
	return nil
}

// chargePartial charges n bytes of the incomplete packet to the session.
func (c *client) chargePartial(n int) {
	n += eventloop.ItemCost
	c.partial.charged += n
	c.session.Account().Charge(n)
}

// discardPartial discards an incomplete packet.
func (c *client) discardPartial() {
	if c.partial != nil {
		c.session.Account().Charge(-c.partial.charged)
		c.server.attachmentBytes.Add(int64(-c.partial.size))
		c.partial = nil
	}
}

// handlePacket handles a complete packet. An unexpected one closes the
// session.
func (c *client) handlePacket(p *wirePacket, attachments [][]byte) {
	s := c.socketIn(p.namespace)
	switch {
	case s == nil && p.kind == PacketConnect && c.connectsTooOften():
		c.disconnectAll(ForcedServerClose)
		c.session.Abort(ForcedServerClose)
	case s == nil && p.kind == PacketConnect:
		c.connectNamespace(string(p.namespace), p.data)
	case s == nil, s.state.Load() == connecting:
		c.closeSession(ForcedServerClose)
	default:
		switch p.kind {
		case PacketEvent, PacketBinaryEvent:
			c.handleEvent(s, p, attachments)
		case PacketAck, PacketBinaryAck:
			s.resolveAck(p, attachments)
		case PacketDisconnect:
			s.disconnect(ClientDisconnect)
		default:
			c.closeSession(ForcedServerClose)
		}
	}
}

func (c *client) handleEvent(s *Socket, p *wirePacket, attachments [][]byte) {
	name := p.name
	e := &Event{Socket: s, id: p.id, hasID: p.hasID, Args: Args{list: p.args, attachments: attachments}}
	var l *eventHandlers
	if name[0] == '"' && bytes.IndexByte(name, '\\') < 0 {
		l = s.ns.load().events[string(name[1:len(name)-1])]
	}
	if l != nil {
		e.Name = l.name
		if s.dispatchDirect(e, l) {
			return
		}
	} else {
		e.Name = unquote(name)
	}
	if attachments == nil { // newPartialPacket copies otherwise
		e.Args.list = bytes.Clone(p.args)
	}
	if !s.enqueueEvent(e) {
		c.closeSession(ForcedServerClose)
	}
}

// connectNamespace creates the socket of a namespace. Its connecting runs as
// the first job of its queue.
func (c *client) connectNamespace(name string, auth []byte) {
	n := c.server.acquireNamespace(name, auth)
	if n == nil {
		c.sendConnectError(name, errors.New("Invalid namespace")) //nolint:staticcheck // the text of the protocol
		return
	}
	s := &Socket{ns: n, client: c, id: randomID()}
	if len(auth) > 0 {
		s.auth = json.RawMessage(bytes.Clone(auth))
	}
	if int(c.runningQueues.Load()) >= 2*c.server.options.MaxNamespaces || !c.addSocket(s) {
		n.release(c)
		c.sendConnectError(name, errors.New("too many namespaces"))
		return
	}
	s.enqueue(job{run: s.connect})
}

// sendConnectError sends a CONNECT_ERROR packet.
func (c *client) sendConnectError(namespace string, err error) {
	answer := struct {
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}{Message: err.Error()}
	if detailed, ok := errors.AsType[*ConnectionError](err); ok {
		answer.Message, answer.Data = detailed.Message, detailed.Data
	}
	var e encoder
	if e.marshal(answer) != nil {
		e = encoder{buf: []byte(`{"message":"internal error"}`)}
	}
	_ = c.send(encodePacket(&Packet{Type: PacketConnectError, Namespace: namespace, Data: e.buf}))
}

func (c *client) send(f encodedPacket) error {
	var err error
	if f.messages == nil {
		err = c.session.Send(f.text)
	} else {
		err = c.session.Send(f.messages...)
	}
	if err != nil {
		return ErrDisconnected
	}
	return nil
}

func (c *client) socketIn(namespace []byte) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.ns.name == string(namespace) {
			return s
		}
	}
	return nil
}

func (c *client) addSocket(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.sockets) >= c.server.options.MaxNamespaces {
		return false
	}
	c.sockets = append(c.sockets, s)
	c.session.Account().Charge(s.cost())
	return true
}

// removeSocket removes a socket. Repeated calls do nothing.
func (c *client) removeSocket(s *Socket) {
	c.mu.Lock()
	at := slices.Index(c.sockets, s)
	if at >= 0 {
		c.sockets = slices.Delete(c.sockets, at, at+1)
		c.startConnectTimeoutLocked() // a client that has left all namespaces may join another
	}
	c.mu.Unlock()
	if at >= 0 {
		c.session.Account().Charge(-s.cost())
		s.ns.release(c)
	}
}

// sessionUpgraded is called when a session has been upgraded to WebSocket.
func sessionUpgraded(session *engineio.Session) {
	c, ok := session.Receiver().(*client)
	if !ok {
		return // Open has not returned yet, so there are no sockets
	}
	for _, s := range c.socketList() {
		for _, f := range s.ns.load().upgrade {
			s.enqueue(job{run: func() { f(s) }})
		}
	}
}

// maxUnconnectedBytes bounds what a client may hold that is in no namespace, so
// that the program knows nothing about it.
const maxUnconnectedBytes = 256 << 10

// connectsTooOften counts a CONNECT packet. A client that is in no namespace may
// send no more of them than it may join namespaces.
func (c *client) connectsTooOften() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connectTimer == nil {
		return false
	}
	c.connects++
	return c.connects > c.server.options.MaxNamespaces
}

// startConnectTimeoutLocked starts the timeout of a client that is in no namespace.
func (c *client) startConnectTimeoutLocked() {
	if c.closed || c.connectTimer != nil || len(c.sockets) > 0 {
		return
	}
	c.connectTimer, c.connects = new(eventloop.Timer), 0
	c.session.SetMemoryLimit(maxUnconnectedBytes)
	allowed := c.server.options.ConnectTimeout
	c.session.Loop().SetTimer(c.connectTimer, allowed+min(allowed/4, time.Second), c.connectTimedOut)
}

// stopConnectTimeout reports whether the timeout was running. It is called when
// the client has joined a namespace, when the timeout has passed, and at the end.
func (c *client) stopConnectTimeout() bool {
	c.mu.Lock()
	t := c.connectTimer
	c.connectTimer = nil
	c.session.SetMemoryLimit(0)
	c.mu.Unlock()
	if t != nil {
		c.session.Loop().StopTimer(t)
	}
	return t != nil
}

// connectTimedOut closes a client that has not joined a namespace in time.
func (c *client) connectTimedOut() {
	if c.stopConnectTimeout() {
		c.disconnectAll(ForcedServerClose)
		c.session.Abort(ForcedServerClose)
	}
}

// closeSession closes the session because of a protocol violation or a
// timeout.
func (c *client) closeSession(reason Reason) {
	c.disconnectAll(reason)
	c.session.Close(reason)
}

// closeAfterPanic closes the session because a handler has panicked.
func (c *client) closeAfterPanic() {
	c.disconnectAll(ForcedServerClose)
	c.session.Fail(ForcedServerClose)
}

// disconnect sends DISCONNECT for every socket and closes the session.
func (c *client) disconnect() {
	for _, s := range c.socketList() {
		s.Disconnect(false)
	}
	c.closeSession(ForcedServerClose)
}

// Closed is called when the session has ended.
func (c *client) Closed(reason Reason) {
	c.discardPartial()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stopConnectTimeout()
	c.disconnectAll(reason)
	c.server.sessionClosed()
}

func (c *client) disconnectAll(reason Reason) {
	for _, s := range c.socketList() {
		s.disconnect(reason)
	}
}

func (c *client) socketList() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sockets)
}

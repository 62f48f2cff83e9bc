package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"
)

// client is what the sockets of one Engine.IO session share. It receives for
// the session.
type client struct {
	server  *Server
	session *engineio.Session

	// Of the receiving goroutine.
	partial *partial

	// pumps are the goroutines that work for the client's sockets, those
	// included that it has left.
	pumps atomic.Int32

	mu      sync.Mutex
	sockets []*Socket        // few: a slice is smaller than a map
	timeout *eventloop.Timer // until a namespace has been joined
	closed  bool
}

// Message takes a message of the session.
func (c *client) Message(data []byte, binary bool) {
	if err := c.take(data, binary); err != nil {
		c.fail(ParseError)
	}
}

func (c *client) take(data []byte, binary bool) error {
	if binary {
		return c.takeBinary(data)
	}
	if c.partial != nil {
		return errors.New("text in place of an attachment")
	}
	p, err := parse(data, c.server.options.MaxAttachments)
	if err != nil {
		return err
	}
	if p.attachments > 0 {
		c.partial = begin(p)
		return nil
	}
	c.packet(&p, nil)
	return nil
}

func (c *client) takeBinary(data []byte) error {
	if c.partial == nil {
		return errors.New("binary without a packet that it belongs to")
	}
	o := &c.server.options
	if c.server.partial.Add(int64(len(data))) > int64(o.MaxPartialBytes) {
		c.server.partial.Add(int64(-len(data)))
		return errors.New("too much has arrived in part only")
	}
	complete, err := c.partial.add(data, o.MaxAttachmentBytes)
	if err != nil || !complete {
		return err
	}
	whole := c.partial
	c.dropPartial()
	c.packet(&whole.packet, whole.parts)
	return nil
}

// dropPartial forgets what has arrived in part only.
func (c *client) dropPartial() {
	if c.partial != nil {
		c.server.partial.Add(int64(-c.partial.size))
		c.partial = nil
	}
}

// packet acts on a complete packet. One that is out of turn ends the client.
func (c *client) packet(p *wirePacket, attachments [][]byte) {
	s := c.find(p.namespace)
	switch {
	case s == nil && p.kind == PacketConnect:
		c.connect(string(p.namespace), p.data)
	case s == nil, s.state.Load() == connecting:
		c.fail(ForcedServerClose)
	default:
		switch p.kind {
		case PacketEvent, PacketBinaryEvent:
			c.event(s, p, attachments)
		case PacketAck, PacketBinaryAck:
			s.resolve(p, attachments)
		case PacketDisconnect:
			s.end(ClientDisconnect)
		default:
			c.fail(ForcedServerClose)
		}
	}
}

func (c *client) event(s *Socket, p *wirePacket, attachments [][]byte) {
	name := p.name
	e := &Event{Socket: s, id: p.id, hasID: p.hasID, Args: Args{list: p.args, attachments: attachments}}
	var l *listener
	if name[0] == '"' && bytes.IndexByte(name, '\\') < 0 {
		l = s.ns.load().events[string(name[1:len(name)-1])]
	}
	if l != nil {
		e.Name = l.name
		if s.direct(e, l) {
			return
		}
	} else {
		e.Name = unquote(name)
	}
	if attachments == nil { // else it has been copied already
		e.Args.list = bytes.Clone(p.args)
	}
	if !s.receive(e) {
		c.fail(ForcedServerClose)
	}
}

// connect begins to connect the client to a namespace.
func (c *client) connect(name string, auth []byte) {
	n := c.server.enter(name, auth)
	if n == nil {
		c.refuse(name, errors.New("Invalid namespace")) //nolint:staticcheck // the client shows it
		return
	}
	s := &Socket{ns: n, client: c, id: randomID()}
	if len(auth) > 0 {
		s.auth = json.RawMessage(bytes.Clone(auth))
	}
	if int(c.pumps.Load()) >= 2*c.server.options.MaxNamespaces || !c.add(s) {
		n.depart(c)
		c.refuse(name, errors.New("too many namespaces"))
		return
	}
	s.enqueue(job{run: s.connect})
}

// refuse sends a connect_error.
func (c *client) refuse(namespace string, err error) {
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
	_ = c.send(newFrames(&Packet{Type: PacketConnectError, Namespace: namespace, Data: e.buf}))
}

func (c *client) send(f frames) error {
	var err error
	if f.all == nil {
		err = c.session.Send(f.text)
	} else {
		err = c.session.Send(f.all...)
	}
	if err != nil {
		return ErrDisconnected
	}
	return nil
}

func (c *client) find(namespace []byte) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.ns.name == string(namespace) {
			return s
		}
	}
	return nil
}

func (c *client) add(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.sockets) >= c.server.options.MaxNamespaces {
		return false
	}
	c.sockets = append(c.sockets, s)
	return true
}

// remove takes a socket out; later calls do nothing.
func (c *client) remove(s *Socket) {
	c.mu.Lock()
	for i, other := range c.sockets {
		if other == s {
			last := len(c.sockets) - 1
			c.sockets[i], c.sockets[last] = c.sockets[last], nil
			c.sockets = c.sockets[:last]
			c.mu.Unlock()
			s.ns.depart(c)
			return
		}
	}
	c.mu.Unlock()
}

// upgraded is called when a session has moved to a WebSocket.
func upgraded(session *engineio.Session) {
	c, ok := session.Receiver().(*client)
	if !ok {
		return // Open has not returned it yet, so it has no sockets
	}
	for _, s := range c.all() {
		for _, f := range s.ns.load().upgrade {
			s.enqueue(job{run: func() { f(s) }})
		}
	}
}

// joined is called when a namespace has been joined: the client stays.
func (c *client) joined() {
	c.mu.Lock()
	t := c.timeout
	c.timeout = nil
	c.mu.Unlock()
	if t != nil {
		c.session.Loop().Stop(t)
	}
}

// late is called when the client has had its time to join a namespace.
func (c *client) late() {
	c.mu.Lock()
	waiting := c.timeout != nil
	c.timeout = nil
	c.mu.Unlock()
	if waiting {
		c.fail(ForcedServerClose)
	}
}

// fail closes the session because of what the client did.
func (c *client) fail(reason Reason) {
	c.endAll(reason)
	c.session.Close(reason)
}

// crash closes the session because a handler has panicked.
func (c *client) crash() {
	c.endAll(ForcedServerClose)
	c.session.Fail(ForcedServerClose)
}

// disconnect closes the session after telling every socket.
func (c *client) disconnect() {
	for _, s := range c.all() {
		s.Disconnect(false)
	}
	c.fail(ForcedServerClose)
}

// Closed is the end of the session.
func (c *client) Closed(reason Reason) {
	c.dropPartial()
	c.mu.Lock()
	c.closed = true
	t := c.timeout
	c.timeout = nil
	c.mu.Unlock()
	if t != nil {
		c.session.Loop().Stop(t)
	}
	c.endAll(reason)
	c.server.left(c)
}

func (c *client) endAll(reason Reason) {
	for _, s := range c.all() {
		s.end(reason)
	}
}

func (c *client) all() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Socket(nil), c.sockets...)
}

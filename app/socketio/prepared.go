package socketio

import "smart-factory-backend/app/websocket/eventloop"

// Prepared is an event that has been encoded once, to be sent to any number of
// a namespace's sockets without the adapter: by a program that keeps its own
// lists of who is to get what. Connection state recovery does not repeat it.
type Prepared struct {
	ns      *Namespace
	packet  *Packet
	encoded encodedPacket
}

// Prepare encodes an event for this namespace.
func (n *Namespace) Prepare(event string, args ...any) (*Prepared, error) {
	p, err := newEvent(n.name, event, args)
	if err != nil {
		return nil, err
	}
	return &Prepared{ns: n, packet: p, encoded: encodePacket(p)}, nil
}

// Len is the size of the event as it waits for a client that is slow.
func (p *Prepared) Len() int {
	n := 0
	for _, m := range p.encoded.appendTo(nil) {
		n += m.Len()
	}
	return n
}

// SendPrepared sends an event that was prepared for the socket's namespace.
func (s *Socket) SendPrepared(p *Prepared) error {
	if p.ns != s.ns {
		return ErrInvalid
	}
	if s.hasOutgoingHandlers() {
		s.runOutgoingHandlers(p.packet)
	}
	return s.sendEncoded(p.encoded, false)
}

// SendPreparedLatest is SendPrepared for an event of which only the newest
// matters: it takes the place of one with the same key that still waits for
// the client. An event with binary arguments is never replaced.
func (s *Socket) SendPreparedLatest(key eventloop.Key, p *Prepared) error {
	if p.encoded.messages != nil || p.ns != s.ns {
		return s.SendPrepared(p)
	}
	if s.hasOutgoingHandlers() {
		s.runOutgoingHandlers(p.packet)
	}
	if s.state.Load() != connected || s.client.session.SendLatest(key, p.encoded.text) != nil {
		return ErrDisconnected
	}
	return nil
}

package socketio

import "smart-factory-backend/app/websocket/eventloop"

// Prepared is an event encoded once for any number of sockets of a namespace.
// It is for programs that select the receivers themselves instead of using
// rooms. Connection state recovery does not store it.
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

// Len returns the size of the event in a send queue.
func (p *Prepared) Len() int {
	n := 0
	for _, m := range p.encoded.appendTo(nil) {
		n += m.Len()
	}
	return n
}

// SendPrepared sends an event that was prepared for the socket's namespace;
// for another namespace it returns ErrInvalid.
func (s *Socket) SendPrepared(p *Prepared) error {
	if p.ns != s.ns {
		return ErrInvalid
	}
	if s.hasOutgoingHandlers() {
		s.runOutgoingHandlers(p.packet)
	}
	return s.sendEncoded(p.encoded, false)
}

// SendPreparedLatest is SendPrepared for events of which only the newest
// matters: it replaces an event with the same key that is still queued. Events
// with binary arguments are not replaced.
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

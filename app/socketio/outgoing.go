package socketio

// observed reports whether somebody is told of what is sent to the socket.
func (s *Socket) observed() bool { return len(s.owned().outgoing)+len(s.ns.load().outgoing) > 0 }

// observe tells whom it concerns that the event p is about to be sent. A panic
// there ends the socket's client, like one in a handler.
func (s *Socket) observe(p *Packet) {
	all := p.Args()
	name, args := all.Text(0), all.At(1, -1)
	shared, own := s.ns.load().outgoing, s.owned().outgoing
	s.client.server.options.Guard(func() {
		for _, f := range shared {
			f(s, name, args)
		}
		for _, f := range own {
			f(name, args)
		}
	}, s.client.crash)
}

// eventFrames encodes an event for this socket.
func (s *Socket) eventFrames(p Packet, event string, args []any) (frames, error) {
	if !s.observed() {
		return eventFrames(p, event, args)
	}
	made, err := newEvent(p.Namespace, event, args)
	if err != nil {
		return frames{}, err
	}
	s.observe(made)
	p.Data, p.Attachments = made.Data, made.Attachments
	return newFrames(&p), nil
}

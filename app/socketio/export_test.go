package socketio

import "time"

// What tests need of the inside.

// MaxDepth is how deep JSON from outside may be nested.
const MaxDepth = maxDepth

// Valid reports whether data is one JSON value, by the package's own scanner.
func Valid(data []byte) bool {
	i := skipSpace(data, 0)
	if i = skipValue(data, i, 0); i < 0 {
		return false
	}
	return skipSpace(data, i) == len(data)
}

// Decode takes the text of a packet apart.
func Decode(text []byte, maxAttachments int) (p Packet, attachments int, err error) {
	w, err := parsePacket(text, maxAttachments)
	if err != nil {
		return Packet{}, 0, err
	}
	return Packet{Type: w.kind, Namespace: string(w.namespace), ID: w.id, HasID: w.hasID, Data: w.data}, w.attachments, nil
}

// EventName returns the name of an event and the list of its arguments.
func EventName(data []byte) (name string, args []byte) {
	p := wirePacket{data: data}
	p.splitEvent()
	return unquote(p.name), p.args
}

// Encode makes the packet of an event.
func Encode(namespace, event string, args ...any) (*Packet, error) {
	return newEvent(namespace, event, args)
}

// ReceivePaused reports whether the client is not read from, because too many of
// its events wait.
func (s *Socket) ReceivePaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.space != nil
}

// Echo decodes an event and encodes it again, as an echo does.
func Echo(text []byte) error {
	p, err := parsePacket(text, 10)
	if err != nil {
		return err
	}
	_, err = encodeFor(Packet{Type: PacketEvent, Namespace: "/"}, unquote(p.name), []any{Args{list: p.args}})
	return err
}

// SetClock sets the time that recovery goes by.
func SetClock(o *Options, now func() time.Time) { o.now = now }

// Partial is how many bytes of attachments wait for the rest.
func (s *Server) Partial() int64 { return s.attachmentBytes.Load() }

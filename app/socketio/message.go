package socketio

import "smart-factory-backend/app/engineio"

// frames are a packet as it goes to clients: its text and its attachments,
// encoded once for all of them.
type frames struct {
	list []*engineio.Message
}

func newFrames(p *Packet) *frames {
	f := &frames{list: make([]*engineio.Message, 0, 1+len(p.Attachments))}
	var header [64]byte
	f.list = append(f.list, engineio.NewText(p.appendHeader(header[:0]), p.Data))
	for _, b := range p.Attachments {
		f.list = append(f.list, engineio.NewBinary(b))
	}
	return f
}

package socketio

import "smart-factory-backend/app/socketio/engineio"

// frames are a packet as it goes to clients, encoded once for all of them.
type frames struct {
	text *engineio.Message
	all  []*engineio.Message // with the attachments behind the text; nil without any
}

// newFrames copies what p holds.
func newFrames(p *Packet) frames {
	var header [64]byte
	f := frames{text: engineio.NewText(p.appendHeader(header[:0]), p.Data)}
	if len(p.Attachments) > 0 {
		f.all = append(make([]*engineio.Message, 0, 1+len(p.Attachments)), f.text)
		for _, b := range p.Attachments {
			f.all = append(f.all, engineio.NewBinary(b))
		}
	}
	return f
}

// compress says whether the packet, which nobody else has yet, is worth
// compressing.
func (f frames) compress(on bool) frames {
	if !on {
		for _, m := range f.appendTo(nil) {
			m.Uncompressed()
		}
	}
	return f
}

// appendTo appends all messages.
func (f frames) appendTo(list []*engineio.Message) []*engineio.Message {
	if f.all == nil {
		return append(list, f.text)
	}
	return append(list, f.all...)
}

package socketio

import "smart-factory-backend/app/socketio/engineio"

// encodedPacket are a packet as it goes to clients, encoded once for all of them.
type encodedPacket struct {
	text     *engineio.Message
	messages []*engineio.Message // with the attachments behind the text; nil without any
}

// encodePacket copies what p holds.
func encodePacket(p *Packet) encodedPacket {
	var header [64]byte
	f := encodedPacket{text: engineio.NewText(p.appendHeader(header[:0]), p.Data)}
	if len(p.Attachments) > 0 {
		f.messages = append(make([]*engineio.Message, 0, 1+len(p.Attachments)), f.text)
		for _, b := range p.Attachments {
			f.messages = append(f.messages, engineio.NewBinary(b))
		}
	}
	return f
}

// compress says whether the packet, which nobody else has yet, is worth
// compressing.
func (f encodedPacket) compress(on bool) encodedPacket {
	if !on {
		for _, m := range f.appendTo(nil) {
			m.Uncompressed()
		}
	}
	return f
}

// appendTo appends all messages.
func (f encodedPacket) appendTo(list []*engineio.Message) []*engineio.Message {
	if f.messages == nil {
		return append(list, f.text)
	}
	return append(list, f.messages...)
}

package socketio

import "smart-factory-backend/app/socketio/engineio"

// encodedPacket is a packet in its wire form, encoded once for all receivers.
type encodedPacket struct {
	text     *engineio.Message
	messages []*engineio.Message // the text and the attachments; nil without attachments
}

// encodePacket copies the data of p.
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

// compress sets whether the packet may be compressed. The packet must not be
// shared yet.
func (f encodedPacket) compress(on bool) encodedPacket {
	if !on {
		for _, m := range f.appendTo(nil) {
			m.Uncompressed()
		}
	}
	return f
}

// appendTo appends all messages of the packet.
func (f encodedPacket) appendTo(list []*engineio.Message) []*engineio.Message {
	if f.messages == nil {
		return append(list, f.text)
	}
	return append(list, f.messages...)
}

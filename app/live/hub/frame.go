package hub

import "sync"

// Form is one of the ways in which a frame is written for a transport. Its
// meaning belongs to the user.
type Format uint8

// Forms is how many forms a frame can have.
const Formats = 3

// Frame is one event of a room. It is shared by all who get it and must not be
// changed.
type Frame struct {
	Room, Event string
	// Seq is the place of the frame in its room. One more than that of the
	// frame before, unless a frame was replaced or lost on the way.
	Seq uint64
	// Data is JSON.
	Data []byte
	// Key is zero for a frame that must not be left out. Frames with the same
	// key are of one room and follow each other: where an older one still waits
	// for a slow member, a newer one may take its place.
	Key uint64

	encodings [Formats]encoding
}

type encoding struct {
	once  sync.Once
	value any
}

// As returns the frame in a form. encode is called for the first one who asks
// for that form; all others get what it returned.
func (f *Frame) Encoded(form Format, encode func(*Frame) any) any {
	e := &f.encodings[form]
	e.once.Do(func() { e.value = encode(f) })
	return e.value
}

package hub

import "sync"

// Format identifies an encoding of frames, one for each transport. Its values
// belong to the user of the package.
type Format uint8

// Formats is the number of formats that a frame can have: values 0 to Formats-1.
const Formats = 3

// Frame is one event of a room. All members share it, so it must not be changed.
type Frame struct {
	Room, Event string
	// Seq numbers the frames of a room. It is one more than that of the frame
	// before, unless a frame was replaced or lost on the way.
	Seq uint64
	// Data is JSON.
	Data []byte
	// Key is zero for a frame that must be delivered. Frames with the same key
	// belong to one room and follow each other directly: a newer one may replace
	// an older one that still waits for a slow member.
	Key uint64

	encodings [Formats]encoding
}

type encoding struct {
	once  sync.Once
	value any
}

// Encoded returns the frame in a format. It calls encode once per format and
// caches the result for all members.
func (f *Frame) Encoded(format Format, encode func(*Frame) any) any {
	e := &f.encodings[format]
	e.once.Do(func() { e.value = encode(f) })
	return e.value
}

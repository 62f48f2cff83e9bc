package hub

import (
	"hash/maphash"
	"sync"
)

// Member gets the frames of the rooms that it has joined. It must be usable as
// the key of a map.
type Member interface {
	// Deliver queues a frame. It must not block and must not call the hub: its
	// room is locked. A member that can't take a frame any more is expected to
	// end, and to leave its rooms on another goroutine.
	Deliver(f *Frame)
}

// room is one room with members. An empty one is taken out of the hub and
// marked gone.
type room struct {
	name string

	mu      sync.Mutex
	gone    bool
	seq     uint64
	run     uint64 // counts the runs of frames that may replace each other
	last    string // event of the last frame
	members []Member
	places  map[Member]int
}

// addLocked reports whether m was not in the room before.
func (r *room) addLocked(m Member) bool {
	if _, found := r.places[m]; found {
		return false
	}
	r.places[m] = len(r.members)
	r.members = append(r.members, m)
	return true
}

func (r *room) removeLocked(m Member) bool {
	at, found := r.places[m]
	if !found {
		return false
	}
	last := len(r.members) - 1
	r.members[at] = r.members[last]
	r.places[r.members[at]] = at
	r.members[last] = nil
	r.members = r.members[:last]
	delete(r.places, m)
	return true
}

var seed = maphash.MakeSeed()

// keyLocked returns the key of a frame that the next one of its run may
// replace; never zero. A run ends with any other frame of the room: a newer
// frame takes the place of the older one in a queue, and must not overtake what
// stands behind it there.
func (r *room) keyLocked() uint64 {
	var b maphash.Hash
	b.SetSeed(seed)
	_, _ = b.WriteString(r.name)
	return (b.Sum64() + r.run*2) | 1
}

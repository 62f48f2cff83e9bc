package hub

import (
	"hash/maphash"
	"slices"
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
	closed  bool
	seq     uint64
	run     uint64 // counts the runs of frames that may replace each other
	last    string // event of the last frame
	members []Member
	index   map[Member]int // of the members; nil while there are few
}

// fewMembers is up to where looking through a list beats a map.
const maxScan = 8

// placeLocked returns the index of m, -1 if it is not in the room.
func (r *room) indexLocked(m Member) int {
	if r.index == nil {
		return slices.Index(r.members, m)
	}
	if at, found := r.index[m]; found {
		return at
	}
	return -1
}

// addLocked reports whether m was not in the room before.
func (r *room) addLocked(m Member) bool {
	if r.indexLocked(m) >= 0 {
		return false
	}
	r.members = append(r.members, m)
	switch {
	case r.index != nil:
		r.index[m] = len(r.members) - 1
	case len(r.members) > maxScan:
		r.index = map[Member]int{}
		for i, member := range r.members {
			r.index[member] = i
		}
	}
	return true
}

func (r *room) removeLocked(m Member) bool {
	at := r.indexLocked(m)
	if at < 0 {
		return false
	}
	last := len(r.members) - 1
	r.members[at] = r.members[last]
	if r.index != nil {
		r.index[r.members[at]] = at
		delete(r.index, m)
	}
	r.members[last] = nil
	r.members = r.members[:last]
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

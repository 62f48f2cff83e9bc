package hub

import (
	"hash/maphash"
	"slices"
	"sync"
)

// Member receives the frames of the rooms that it has joined. It is used as a map
// key, so its type must be comparable.
type Member interface {
	// Deliver queues a frame. The room is locked meanwhile, so Deliver must not
	// block or call the hub. A member that cannot queue a frame must close itself
	// and leave its rooms on another goroutine.
	Deliver(f *Frame)
}

// room is a room with members. When it becomes empty it is removed from the hub
// and closed.
type room struct {
	name string

	mu      sync.Mutex
	closed  bool
	seq     uint64
	run     uint64 // counts the runs: consecutive frames that may replace each other
	last    string // event of the last frame
	members []Member
	index   map[Member]int // of members; nil for up to maxScan of them
}

// maxScan is the number of members up to which scanning the list is faster than a
// map.
const maxScan = 8

// indexLocked returns the position of m in members, -1 if it is not a member.
func (r *room) indexLocked(m Member) int {
	if r.index == nil {
		return slices.Index(r.members, m)
	}
	if at, found := r.index[m]; found {
		return at
	}
	return -1
}

// addLocked adds m. It returns false if m is a member already.
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

// removeLocked removes m. It returns false if m is not a member.
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

// keyLocked returns the key of the frames of the current run, which is never zero.
// Any other frame of the room ends the run: a newer frame takes the position of
// the older one in a queue, and must not overtake the frames behind it.
func (r *room) keyLocked() uint64 {
	var b maphash.Hash
	b.SetSeed(seed)
	_, _ = b.WriteString(r.name)
	return (b.Sum64() + r.run*2) | 1
}

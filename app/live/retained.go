package live

import (
	"cmp"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
)

// retained holds the values that belong to snapshots. The holder of roomsMu may use
// it.
type retained struct {
	version uint64 // number of changes
	// kinds are the values of each kind by key. Ended ones are kept, without data, up
	// to maxEnded, so that an older event cannot bring them back.
	kinds map[factory.EventKind]map[string]factory.Notification
	ended []retainedKey
}

type retainedKey struct {
	kind factory.EventKind
	key  string
}

// maxEnded is the number of ended values whose Seq is remembered.
const maxEnded = 1000

func newRetained() retained {
	return retained{kinds: map[factory.EventKind]map[string]factory.Notification{}}
}

// set retains a value and reports whether it is newer than the retained one.
func (r *retained) set(n factory.Notification) bool {
	values := r.kinds[n.Kind]
	if values == nil {
		values = map[string]factory.Notification{}
		r.kinds[n.Kind] = values
	}
	if known, ok := values[n.Key]; ok && n.Seq <= known.Seq {
		return false
	}
	r.version++
	values[n.Key] = n
	if n.Ended {
		r.end(n)
	}
	return true
}

// end forgets the data of a value that has ended, and the oldest ended value if there
// are too many.
func (r *retained) end(n factory.Notification) {
	n.Data = nil
	r.kinds[n.Kind][n.Key] = n
	r.ended = append(r.ended, retainedKey{n.Kind, n.Key})
	if len(r.ended) <= maxEnded {
		return
	}
	oldest := r.ended[0]
	if r.kinds[oldest.kind][oldest.key].Ended {
		delete(r.kinds[oldest.kind], oldest.key)
	}
	r.ended = append(r.ended[:0], r.ended[1:]...)
}

// removeMachine drops everything about a machine.
func (r *retained) removeMachine(machine string) {
	r.version++
	for _, values := range r.kinds {
		for key, n := range values {
			if n.Machine == machine {
				delete(values, key)
			}
		}
	}
}

// appendMembers appends the values of a room as members of a JSON object. include
// reports whether the room includes a machine.
func (r *retained) appendMembers(dst []byte, room room, include func(machine string) bool) []byte {
	for _, list := range []struct {
		name string
		kind factory.EventKind
	}{{"states", factory.EventState}, {"alarms", factory.EventAlarm}, {"oee", factory.EventOEE}} {
		var values []factory.Notification
		for _, n := range r.kinds[list.kind] {
			if !n.Ended && room.shows(n, include) {
				values = append(values, n)
			}
		}
		slices.SortFunc(values, func(a, b factory.Notification) int {
			if list.kind == factory.EventAlarm {
				return cmp.Compare(a.Seq, b.Seq)
			}
			return strings.Compare(a.Key, b.Key)
		})
		dst = append(dst, `,"`+list.name+`":[`...)
		for i, n := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, n.Data...)
		}
		dst = append(dst, ']')
	}
	return dst
}

// shows reports whether clients of a room get a value.
func (r room) shows(n factory.Notification, include func(machine string) bool) bool {
	switch {
	case r.kind == roomAlarms:
		return n.Kind == factory.EventAlarm
	case n.Machine != "":
		return include(n.Machine)
	case r.kind == roomLine:
		return n.Line == r.placement
	}
	return r.kind == roomAll
}

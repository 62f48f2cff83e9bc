package live

import "smart-factory-backend/app/access"

// dismissed is a session that can be ended because of its key.
type dismissed interface {
	principal() access.Principal
	dismiss()
}

const keyGone = "the key is not valid any more"

func (c *client) principal() access.Principal { return c.who }

// CheckKeys ends the sessions whose key is not in force any more, and returns
// how many they were. It is to be called when the keys have changed.
func (r *Realtime) CheckKeys() int {
	if r.options.Keys.Unrestricted() {
		return 0
	}
	var all []dismissed
	for _, b := range r.beat.all() {
		if d, ok := b.(dismissed); ok {
			all = append(all, d)
		}
	}
	r.sockets.mu.RLock()
	for _, s := range r.sockets.all {
		all = append(all, s)
	}
	r.sockets.mu.RUnlock()
	ended := 0
	for _, d := range all {
		if !r.options.Keys.Active(d.principal()) {
			d.dismiss()
			ended++
		}
	}
	return ended
}

package live

import "smart-factory-backend/app/access"

// dismissed is a session that can be ended because of its key.
type revocable interface {
	owner() access.Principal
	revoke()
}

const revokedReason = "the key is not valid any more"

func (c *session) owner() access.Principal { return c.principal }

// CheckKeys ends the sessions whose key is not in force any more, and returns
// how many they were. It is to be called when the keys have changed.
func (r *Server) CloseRevoked() int {
	if r.options.Keys.Unrestricted() {
		return 0
	}
	var all []revocable
	for _, b := range r.heartbeat.list() {
		if d, ok := b.(revocable); ok {
			all = append(all, d)
		}
	}
	r.socketIO.mu.RLock()
	for _, s := range r.socketIO.sessions {
		all = append(all, s)
	}
	r.socketIO.mu.RUnlock()
	ended := 0
	for _, d := range all {
		if !r.options.Keys.Active(d.owner()) {
			d.revoke()
			ended++
		}
	}
	return ended
}

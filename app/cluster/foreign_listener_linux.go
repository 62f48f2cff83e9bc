package cluster

import "golang.org/x/sys/unix"

// foreignCheckInterval is how often the port is checked, in nanos.
const foreignCheckInterval = 30e9

// checkForeignListeners reports sockets of other programs on our port. They
// get no connections as long as the steering program is attached.
func (s *Supervisor) checkForeignListeners(now int64) {
	if s.sockets[0].inherited {
		return
	}
	s.foreignCheckedAt = now
	if n := countForeignListeners(s.sockets); n != s.foreignListeners {
		s.foreignListeners = n
		s.emit(ForeignListener{Sockets: n})
	}
}

// countForeignListeners counts the sockets that listen on our port and are not
// among ours.
func countForeignListeners(ours []*socket) int {
	addr, err := ours[0].addr()
	if err != nil {
		return 0
	}
	foreign := listeningSockets(int(addr.Port()))
	for _, s := range ours {
		var st unix.Stat_t
		if unix.Fstat(s.fd, &st) == nil {
			delete(foreign, st.Ino)
		}
	}
	return len(foreign)
}

// attachSteering makes the kernel distribute connections over our sockets only.
func (s *Supervisor) attachSteering() {
	if s.sockets[0].inherited {
		return
	}
	if err := s.sockets[0].attachSteering(len(s.sockets)); err != nil {
		s.emit(SteeringFailed{Err: err})
	}
}

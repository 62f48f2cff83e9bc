package cluster

import "slices"

// socketsOf returns the sockets that belong to a slot. With inherited sockets
// there may be fewer or more sockets than slots.
func (s *Supervisor) socketsOf(sl *slot) []*socket {
	sockets := []*socket{s.sockets[(sl.id-1)%len(s.sockets)]}
	for i := sl.id - 1 + s.wanted; i < len(s.sockets); i += s.wanted {
		sockets = append(sockets, s.sockets[i])
	}
	return sockets
}

// assignSockets makes sure that a worker accepts on every socket: the worker
// of its slot, or else the one with the fewest sockets. Superfluous accept
// loops end only once the others have begun. It reports false if an accept
// loop could not begin because the process has no free file descriptor.
func (s *Supervisor) assignSockets() bool {
	assigned := map[*socket][]*worker{}
	load := map[*worker]int{} // sockets per worker
	for _, sl := range s.slots[:s.wanted] {
		if sl.worker == nil {
			continue
		}
		for _, sock := range s.socketsOf(sl) {
			assigned[sock] = append(assigned[sock], sl.worker)
			load[sl.worker]++
		}
	}
	if len(load) == 0 {
		return true
	}
	complete := true
	for i, sock := range s.sockets {
		adopted := len(assigned[sock]) == 0
		if adopted {
			w := s.adopter(load, sock)
			assigned[sock] = []*worker{w}
			load[w]++
		}
		for _, w := range assigned[sock] {
			if w.accepts(sock) {
				continue
			}
			if w.listen(sock) != nil {
				complete = false
			} else if adopted {
				s.emit(SocketAdopted{Worker: w.slot.id, Slot: i + 1})
			}
		}
	}
	if complete {
		for w := range load {
			w.closeLoopsExcept(func(l *acceptLoop) bool { return slices.Contains(assigned[l.socket], w) })
		}
	}
	return complete
}

// adopter picks the worker that accepts on a socket whose slot has none: the
// one that does already, or the one with the fewest sockets.
func (s *Supervisor) adopter(load map[*worker]int, sock *socket) *worker {
	var best *worker
	for _, sl := range s.slots[:s.wanted] {
		w := sl.worker
		switch {
		case w == nil:
		case w.accepts(sock):
			return w
		case best == nil || load[w] < load[best]:
			best = w
		}
	}
	return best
}

// accepts reports whether w has an accept loop on the socket.
func (w *worker) accepts(sock *socket) bool {
	return slices.ContainsFunc(w.loops, func(l *acceptLoop) bool { return l.socket == sock })
}

// closeLoopsExcept ends the accept loops for which keep returns false.
func (w *worker) closeLoopsExcept(keep func(*acceptLoop) bool) {
	w.loops = slices.DeleteFunc(w.loops, func(l *acceptLoop) bool {
		if keep(l) {
			return false
		}
		l.close()
		return true
	})
}

func (w *worker) closeLoops() { w.closeLoopsExcept(func(*acceptLoop) bool { return false }) }

package live

import "smart-factory-backend/app/factory"

// MachineMoved resyncs the rooms of a machine whose placement was before.
func (s *Server) MachineMoved(machine string, before factory.Placement) {
	s.cache.relocate(machine)
	for _, room := range append(s.roomsOf(machine), lineRoom(before)) {
		if room != roomAll {
			s.markStale(room)
		}
	}
}

// MachineDeleted removes a deleted machine, whose placement was before, from its
// rooms and resyncs them.
func (s *Server) MachineDeleted(machine string, before factory.Placement) {
	rooms := s.roomsOf(machine)
	s.roomsMu.Lock()
	s.cache.remove(machine)
	s.retained.removeMachine(machine)
	s.roomsMu.Unlock()
	for _, room := range append(rooms, lineRoom(before)) {
		s.markStale(room)
	}
}

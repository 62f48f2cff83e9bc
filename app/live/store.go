package live

import (
	"context"

	"smart-factory-backend/app/factory"
)

// Store is a factory.Store that publishes its changes to a Server.
type Store struct {
	factory.Store
	srv *Server
}

// NewStore wraps store, which must also be the Latest of srv.
func NewStore(store factory.Store, srv *Server) *Store { return &Store{Store: store, srv: srv} }

// Append stores readings and publishes those that were accepted.
func (s *Store) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	result, err := s.Store.Append(ctx, readings)
	if err == nil {
		s.srv.PublishReadings(readings, result.Rejected)
	}
	return result, err
}

// PutMachine stores a machine. If its placement has changed, it moves to the room
// of its new line.
func (s *Store) PutMachine(ctx context.Context, m factory.Machine, match factory.Match) (factory.Machine, bool, error) {
	before, _ := s.Placement(m.ID)
	stored, created, err := s.Store.PutMachine(ctx, m, match)
	if err == nil && stored.Placement != before {
		s.srv.moveMachine(m.ID, before)
	}
	return stored, created, err
}

// DeleteMachine deletes a machine and removes it from all rooms.
func (s *Store) DeleteMachine(ctx context.Context, id string, match factory.Match, purge bool) error {
	placement, _ := s.Placement(id)
	err := s.Store.DeleteMachine(ctx, id, match, purge)
	if err == nil {
		s.srv.removeMachine(id, placement)
	}
	return err
}

// moveMachine resyncs the rooms of a machine whose placement was before.
func (s *Server) moveMachine(machine string, before factory.Placement) {
	s.cache.relocate(machine)
	for _, room := range append(s.roomsOf(machine), lineRoom(before)) {
		if room != roomAll {
			s.markStale(room)
		}
	}
}

// removeMachine drops a deleted machine, whose placement was before, and resyncs
// its rooms.
func (s *Server) removeMachine(machine string, before factory.Placement) {
	rooms := s.roomsOf(machine)
	s.roomsMu.Lock()
	s.cache.remove(machine)
	s.retained.removeMachine(machine)
	s.roomsMu.Unlock()
	for _, room := range append(rooms, lineRoom(before)) {
		s.markStale(room)
	}
}

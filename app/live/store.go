package live

import (
	"context"

	"smart-factory-backend/app/factory"
)

// Store is a factory.Store whose changes are shown.
type Store struct {
	factory.Store
	live *Server
}

// NewStore wraps s; r has been made with s as its Latest.
func NewStore(s factory.Store, r *Server) *Store { return &Store{Store: s, live: r} }

// Append stores readings and then shows those that were accepted.
func (s *Store) Append(ctx context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	result, err := s.Store.Append(ctx, readings)
	if err == nil {
		s.live.PublishReadings(readings, result.Rejected)
	}
	return result, err
}

// PutMachine stores a machine; where it has moved, the rooms follow.
func (s *Store) PutMachine(ctx context.Context, m factory.Machine, match factory.Match) (factory.Machine, bool, error) {
	before, _ := s.Placement(m.ID)
	stored, created, err := s.Store.PutMachine(ctx, m, match)
	if err == nil && stored.Placement != before {
		s.live.MoveMachine(m.ID, before)
	}
	return stored, created, err
}

// DeleteMachine deletes a machine, which leaves the rooms.
func (s *Store) DeleteMachine(ctx context.Context, id string, match factory.Match, purge bool) error {
	place, _ := s.Placement(id)
	err := s.Store.DeleteMachine(ctx, id, match, purge)
	if err == nil {
		s.live.RemoveMachine(id)
		s.live.markStale(lineRoom(place))
	}
	return err
}
